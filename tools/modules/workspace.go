package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// firstVersion is what the modules require each other at before any release.
const firstVersion = "v0.1.0"

type member struct {
	dir  string // below the workspace's root
	file *modfile.File
}

func (m member) path() string { return m.file.Module.Mod.Path }

type workspace struct {
	root    string
	work    *modfile.WorkFile
	modules []member

	// examples are modules that others would write, each with a workspace of its
	// own. They are checked, not released.
	examples []member

	// version is the one at which the modules require each other.
	version string
}

// findWorkspace reads the go.work in the working directory or the nearest one
// above it.
func findWorkspace() (workspace, error) {
	root, err := os.Getwd()
	if err != nil {
		return workspace{}, err
	}
	for {
		data, err := os.ReadFile(filepath.Join(root, "go.work"))
		if err == nil {
			return readWorkspace(root, data)
		}
		if parent := filepath.Dir(root); errors.Is(err, os.ErrNotExist) && parent != root {
			root = parent
			continue
		}
		return workspace{}, err
	}
}

func readWorkspace(root string, gowork []byte) (workspace, error) {
	work, err := modfile.ParseWork(filepath.Join(root, "go.work"), gowork, nil)
	if err != nil {
		return workspace{}, err
	}
	w := workspace{root: root, work: work}
	for _, use := range work.Use {
		m, err := readMember(root, filepath.FromSlash(use.Path))
		if err != nil {
			return workspace{}, err
		}
		w.modules = append(w.modules, m)
	}
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*", "go.mod"))
	if err != nil {
		return workspace{}, err
	}
	for _, name := range examples {
		m, err := readMember(root, filepath.Join("examples", filepath.Base(filepath.Dir(name))))
		if err != nil {
			return workspace{}, err
		}
		w.examples = append(w.examples, m)
	}
	for _, m := range w.all() {
		for _, r := range m.file.Require {
			if !w.owns(r.Mod.Path) {
				continue
			}
			if w.version != "" && w.version != r.Mod.Version {
				return workspace{}, fmt.Errorf("%s: requires %s, others require %s: the modules are released together, at one version",
					m.file.Syntax.Name, r.Mod, w.version)
			}
			w.version = r.Mod.Version
		}
	}
	if w.version == "" {
		w.version = firstVersion
	}
	return w, nil
}

func readMember(root, dir string) (member, error) {
	name := filepath.Join(root, dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return member{}, err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return member{}, err
	}
	if len(file.Replace) > 0 {
		return member{}, fmt.Errorf("%s: has a replace, with which go install refuses the module", name)
	}
	return member{filepath.Clean(dir), file}, nil
}

func (w workspace) all() []member { return slices.Concat(w.modules, w.examples) }

func (w workspace) owns(path string) bool {
	for _, m := range w.modules {
		if m.path() == path {
			return true
		}
	}
	return false
}

// outside returns a copy, in dir, of m's go.mod and go.sum in which the other
// modules are replaced by their folders. It is for the go command's -modfile.
func (w workspace) outside(dir string, m member) (string, error) {
	data, err := os.ReadFile(filepath.Join(w.root, m.dir, "go.mod"))
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, strings.ReplaceAll(filepath.ToSlash(m.dir), "/", "-")+".mod")
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return "", err
	}
	for _, other := range w.modules {
		if other.path() == m.path() {
			continue
		}
		if err := file.AddReplace(other.path(), w.version, filepath.Join(w.root, other.dir), ""); err != nil {
			return "", err
		}
	}
	if data, err = file.Format(); err != nil {
		return "", err
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(w.root, m.dir, "go.sum"))
	if errors.Is(err, os.ErrNotExist) {
		return name, nil
	}
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(sumName(name), sum, 0o600)
}

func sumName(modName string) string { return strings.TrimSuffix(modName, ".mod") + ".sum" }

func (w workspace) standalone(ctx context.Context, tmp string) error {
	return w.each(func(m member) error {
		name, err := w.outside(tmp, m)
		if err != nil {
			return err
		}
		if err := w.goCommand(ctx, m, "build", "-modfile="+name, "-o", os.DevNull, "./..."); err != nil {
			return err
		}
		return w.goCommand(ctx, m, "vet", "-modfile="+name, "./...")
	})
}

func (w workspace) checkTidy(ctx context.Context, tmp string) error {
	return w.each(func(m member) error {
		name, err := w.outside(tmp, m)
		if err != nil {
			return err
		}
		if err := w.goCommand(ctx, m, "mod", "tidy", "-diff", "-modfile="+name); err != nil {
			return fmt.Errorf("%w (make tidy mends it)", err)
		}
		return nil
	})
}

func (w workspace) tidy(ctx context.Context, tmp string) error {
	return w.each(func(m member) error {
		name, err := w.outside(tmp, m)
		if err != nil {
			return err
		}
		if err := w.goCommand(ctx, m, "mod", "tidy", "-modfile="+name); err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			return err
		}
		for _, r := range file.Replace {
			if err := file.DropReplace(r.Old.Path, r.Old.Version); err != nil {
				return err
			}
		}
		return w.write(m, file, sumName(name))
	})
}

// write makes file and the sums, if there are any, m's go.mod and go.sum.
func (w workspace) write(m member, file *modfile.File, sums string) error {
	file.Cleanup()
	data, err := file.Format()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(w.root, m.dir, "go.mod"), data, 0o644); err != nil {
		return err
	}
	data, err = os.ReadFile(sums)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(data) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.root, m.dir, "go.sum"), data, 0o644)
}

// require changes the version in the modules' requires of each other and in the
// replaces of each go.work, which are there because the go command looks for the
// go.mod of that version even when the module is in the workspace.
func (w workspace) require(version string) error {
	if semver.Canonical(version) != version {
		return fmt.Errorf("%q is not a version like %s", version, firstVersion)
	}
	err := w.each(func(m member) error {
		for _, r := range m.file.Require {
			if !w.owns(r.Mod.Path) {
				continue
			}
			if err := m.file.AddRequire(r.Mod.Path, version); err != nil {
				return err
			}
		}
		return w.write(m, m.file, "")
	})
	if err != nil {
		return err
	}
	errs := []error{w.requireInWork(w.work, version)}
	for _, m := range w.examples {
		errs = append(errs, w.requireInExample(m, version))
	}
	return errors.Join(errs...)
}

func (w workspace) requireInExample(m member, version string) error {
	name := filepath.Join(w.root, m.dir, "go.work")
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(name, data, nil)
	if err != nil {
		return err
	}
	return w.requireInWork(work, version)
}

func (w workspace) requireInWork(work *modfile.WorkFile, version string) error {
	for _, r := range work.Replace {
		if w.owns(r.Old.Path) {
			r.Syntax.Token[slices.Index(r.Syntax.Token, r.Old.Version)] = version
		}
	}
	return os.WriteFile(work.Syntax.Name, modfile.Format(work.Syntax), 0o644)
}

// each calls do for every module and example, and goes on after one that failed.
func (w workspace) each(do func(member) error) error {
	var errs []error
	for _, m := range w.all() {
		err := do(m)
		if err != nil {
			err = fmt.Errorf("%s: %w", m.dir, err)
			fmt.Println("FAIL", m.dir)
		} else {
			fmt.Println("ok  ", m.dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// goCommand runs the go command in m's folder, outside the workspace.
func (w workspace) goCommand(ctx context.Context, m member, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(w.root, m.dir)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
