package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func marker(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "keyval.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A member's directory is refused to whoever takes it for something else, and
// serves its node as if nothing had been.
func TestMembersDirectoryIsRefusedToOthers(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store, fast...)
		n := c.found()
		n.put("user1", "batman")
		addrs := []string{errorsOnly, "-haddr", freeAddr(t), "-raddr", freeAddr(t)}
		with := func(args ...string) []string { return append(append(addrs[:len(addrs):len(addrs)], args...), n.dir) }

		run(t, with()...).expect(t, 1, n.dir, "in use by another keyval")
		n.put("user2", "robin") // it serves on
		if code := n.term(); code != 0 {
			t.Errorf("it ended with %d", code)
		}

		untouched(t, n.dir)
		run(t, with("-id=node7")...).expect(t, 1, n.dir, "-id="+n.id, "node7")
		for _, other := range append(durableStores(), "wal") {
			if other != store {
				run(t, with("-log-store="+other)...).expect(t, 1, n.dir, "-log-store="+store)
			}
		}

		file := filepath.Join(n.dir, "keyval.json")
		right := marker(t, n.dir)
		write(t, file, strings.Replace(right, `"format": 1`, `"format": 1000`, 1))
		run(t, with()...).expect(t, 1, file, "format 1000", "upgrade")
		write(t, file, right[:len(right)/2])
		run(t, with()...).expect(t, 1, file, "restore it", "empty directory")
		write(t, file, right)
	})
}

// What was refused has left nothing that keeps the node from starting.
func TestRefusedDirectoryServesItsOwnNode(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store, fast...)
		n := c.found()
		n.put("user1", "batman")
		kill9(n)
		addrs := []string{errorsOnly, "-haddr", n.haddr, "-raddr", n.raddr}
		run(t, append(addrs, "-id=node7", n.dir)...).expect(t, 1, "-id="+n.id)
		n.start()
		c.awaitKey("user1", "batman", n)

		// Without -id and -log-store it is what it was.
		kill9(n)
		home := t.TempDir()
		p, err := launch(home, []string{"HOME=" + home}, append(addrs, n.dir)...)
		if err != nil {
			t.Fatal(err)
		}
		n.process = p
		if err := p.awaitServing(); err != nil {
			t.Fatal(err)
		}
		c.awaitKey("user1", "batman", n)
		if s := n.mustStatus(); s.Node.ID != n.id || s.LogStore != store {
			t.Errorf("it is %s with the log store %s", s.Node.ID, s.LogStore)
		}
	})
}

func TestForeignDirectories(t *testing.T) {
	t.Parallel()
	addrs := []string{errorsOnly, "-haddr", freeAddr(t), "-raddr", freeAddr(t)}

	original := t.TempDir() // as the program that keyval grew out of left it
	write(t, filepath.Join(original, "raft.db"), "bolt")
	if err := os.Mkdir(filepath.Join(original, "snapshots"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	write(t, filepath.Join(other, "thesis.tex"), "years of work")
	file := filepath.Join(other, "thesis.tex")

	for _, tt := range []struct {
		dir   string
		words []string
	}{
		{original, []string{"original keyval", "another directory", "GET and POST"}},
		{other, []string{"not keyval's", "thesis.tex", "an empty or a new directory"}},
		{file, []string{"is a file", "name a directory"}},
	} {
		untouched(t, tt.dir)
		run(t, append(addrs, tt.dir)...).expect(t, 1, append(tt.words, tt.dir)...)
	}
}

// Root may write to every directory, so it has another user try.
func TestUnwritableDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	user := unprivileged(t, dir)
	chmod(t, dir, 0o500)
	t.Cleanup(func() { chmod(t, dir, 0o700) }) // so that it can be removed
	untouched(t, dir)
	for _, path := range []string{dir, filepath.Join(dir, "new")} {
		p, err := launchAs(user, "/", []string{"HOME=/"}, errorsOnly, "-haddr", freeAddr(t), "-raddr", freeAddr(t), path)
		if err != nil {
			t.Fatal(err)
		}
		result{p.code(t), p.stdout.String(), p.stderr.String()}.expect(t, 1, dir, "permission denied", "another directory")
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryOfAnotherClusterIsRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store, fast...)
		n := c.found()
		n.put("user1", "batman")
		home := newCluster(t, store, fast...)
		stranger := home.found()
		stranger.put("user1", "superman")
		kill9(stranger)

		before := marker(t, stranger.dir)
		run(t, errorsOnly, "-haddr", stranger.haddr, "-raddr", stranger.raddr, "-join", n.haddr, stranger.dir).
			expect(t, 1, stranger.dir, n.mustStatus().ClusterID, "-join", "empty directory")
		if after := marker(t, stranger.dir); after != before {
			t.Errorf("the marker is %s, and was %s", after, before)
		}
		c.members(n)
		c.awaitKey("user1", "batman", n)
		stranger.start()
		home.awaitKey("user1", "superman", stranger)
		home.members(stranger)
	})
}
