package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// checkInstall does what a stranger does, go install PATH@VERSION in an empty
// folder, from a proxy that has the working tree published at that version.
func (w workspace) checkInstall(ctx context.Context, tmp, dir string) error {
	var program string
	var paths []string
	proxy := filepath.Join(tmp, "proxy")
	for _, m := range w.modules {
		paths = append(paths, m.path())
		if m.dir == dir {
			program = m.path()
		}
		if err := w.publish(proxy, m); err != nil {
			return fmt.Errorf("publishing %s: %w", m.dir, err)
		}
	}
	if program == "" {
		return fmt.Errorf("%s is no module of the workspace", dir)
	}

	ambient, err := goEnv(ctx, "GOPROXY", "GOMODCACHE", "GONOSUMDB", "GOFLAGS")
	if err != nil {
		return err
	}
	empty, bin := filepath.Join(tmp, "empty"), filepath.Join(tmp, "bin")
	if err := os.Mkdir(empty, 0o700); err != nil {
		return err
	}
	install := exec.CommandContext(ctx, "go", "install", program+"@"+w.version)
	install.Dir = empty
	install.Stdout, install.Stderr = os.Stdout, os.Stderr
	install.Env = append(os.Environ(),
		"GOWORK=off",
		"GOBIN="+bin,
		// A module cache of its own, for ours must never hold a version that was
		// not released; what it has of others is taken from there.
		"GOMODCACHE="+filepath.Join(tmp, "mod"),
		"GOPROXY="+strings.Join([]string{
			fileURL(proxy), fileURL(filepath.Join(ambient["GOMODCACHE"], "cache", "download")), ambient["GOPROXY"],
		}, ","),
		"GOPRIVATE=", "GONOPROXY=none",
		"GONOSUMDB="+join(ambient["GONOSUMDB"], ",", strings.Join(paths, ",")),
		// The first lets the cache be deleted; the second shares the compiler's
		// work with other builds, whose modules are in another folder.
		"GOFLAGS="+join(ambient["GOFLAGS"], " ", "-modcacherw -trimpath"),
		"CGO_ENABLED=0",
	)
	if err := install.Run(); err != nil {
		return fmt.Errorf("%s: %w", install, err)
	}

	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ask := exec.CommandContext(ctx, filepath.Join(bin, filepath.Base(dir)), "-version")
	answer, err := ask.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", ask, err, answer)
	}
	fmt.Printf("%s -version: %s", filepath.Base(dir), answer)
	if !strings.Contains(string(answer), w.version) {
		return fmt.Errorf("it does not say %s: without a linker flag, the version is that of debug.ReadBuildInfo", w.version)
	}
	return nil
}

// publish adds m to a proxy that is a folder. See https://go.dev/ref/mod#goproxy-protocol.
func (w workspace) publish(proxy string, m member) error {
	version := module.Version{Path: m.path(), Version: w.version}
	escaped, err := module.EscapePath(m.path())
	if err != nil {
		return err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(w.root, m.dir, "go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": w.version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(dir, w.version+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(
		zip.CreateFromDir(archive, version, filepath.Join(w.root, m.dir)),
		archive.Close(),
		os.WriteFile(filepath.Join(dir, w.version+".mod"), gomod, 0o600),
		os.WriteFile(filepath.Join(dir, w.version+".info"), info, 0o600),
		os.WriteFile(filepath.Join(dir, "list"), []byte(w.version+"\n"), 0o600),
	)
}

func goEnv(ctx context.Context, names ...string) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	env := make(map[string]string)
	return env, json.Unmarshal(out, &env)
}

func fileURL(dir string) string {
	path := filepath.ToSlash(dir)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return "file://" + path
}

func join(a, separator, b string) string {
	if a == "" {
		return b
	}
	return a + separator + b
}
