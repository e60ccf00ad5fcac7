package storagetest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func wrongStores(t *testing.T) map[string]wrong {
	t.Helper()
	all := make(map[string]wrong)
	for _, some := range []map[string]wrong{wrongLogs, wrongDeletes, wrongStables, wrongOpens} {
		for rule := range some {
			if all[rule] != nil {
				t.Errorf("%s has two wrong stores", rule)
			}
		}
		maps.Copy(all, some)
	}
	return all
}

// firstBroken returns the first rule that the store breaks.
func firstBroken(t *testing.T, open storage.Opener) (string, error) {
	t.Helper()
	for _, r := range Rules() {
		if err := r.Check(open, t.TempDir(), false); err != nil {
			return r.Name, err
		}
	}
	return "none", nil
}

// Every rule is the first that some store breaks, which passes all before it.
// In a bubble, waiting takes no time and one who waits is met by all others.
func TestEachRuleCatchesItsWrongStore(t *testing.T) {
	all := wrongStores(t)
	for _, r := range Rules() {
		spoiled := all[r.Name]
		delete(all, r.Name)
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			if spoiled == nil {
				t.Fatal("there is no wrong store for this rule")
			}
			synctest.Test(t, func(t *testing.T) {
				if got, err := firstBroken(t, spoiled(newShelf())); got != r.Name {
					t.Errorf("the wrong store breaks %s first (%v)", got, err)
				}
			})
		})
	}
	for name := range all {
		t.Errorf("there is no rule %s", name)
	}
}

func TestHonestStores(t *testing.T) {
	for name, honest := range map[string]wrong{
		"with gaps":       func(sh *shelf) storage.Opener { return sh.open },
		"contiguous":      around(func(s *session) storage.Store { return contiguous{s} }),
		"tracking commit": around(func(s *session) storage.Store { return tracker{s, new(uint64)} }),
	} {
		t.Run(name, func(t *testing.T) { Run(t, honest(newShelf())) })
	}
}

// A store that forgets must not pass for durable.
func TestVolatileStoreIsCaught(t *testing.T) {
	forgets := opening(func(_ *shelf, dir string, o storage.Options) (storage.Store, error) { return newShelf().open(dir, o) })
	t.Run("as volatile", func(t *testing.T) { RunVolatile(t, forgets(nil)) })
	if got, err := firstBroken(t, forgets(nil)); got != "one-entry" {
		t.Errorf("as durable it breaks %s first (%v), want one-entry", got, err)
	}
}

// A second open that waits for the first one to be closed is no answer. In a
// bubble the kit's patience takes no time.
func TestOpenThatWaitsIsCaught(t *testing.T) {
	for _, r := range Rules() {
		if r.Name != "two-opens" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			closed := make(chan struct{})
			first := true
			err := r.Check(func(dir string, o storage.Options) (storage.Store, error) {
				s, err := newShelf().open(dir, o)
				if !first {
					<-closed
					return s, err
				}
				first = false
				return &twisted{session: s.(*session), close: func() error { close(closed); return s.Close() }}, err
			}, t.TempDir(), false)
			if err == nil || !strings.Contains(err.Error(), "still waits") {
				t.Errorf("got %v, want it to say that the open still waits", err)
			}
			synctest.Wait()
		})
	}
}

func TestPanicIsAnError(t *testing.T) {
	for _, r := range Rules() {
		err := r.Check(func(string, storage.Options) (storage.Store, error) { panic("a bug") }, t.TempDir(), false)
		if err == nil || !strings.Contains(err.Error(), "a bug") {
			t.Errorf("%s: got %v, want the panic", r.Name, err)
		}
	}
}

type hides struct{ storage.Store }

type claims struct {
	storage.Store
	answer bool
}

func (c claims) IsMonotonic() bool { return c.answer }

func TestWrapperThatHidesIsCaught(t *testing.T) {
	asks := func(wrap func(storage.Store, raft.MonotonicLogStore) storage.Store) func(storage.Store) storage.Store {
		return func(s storage.Store) storage.Store {
			if m, ok := s.(raft.MonotonicLogStore); ok {
				return wrap(s, m)
			}
			return hides{s}
		}
	}
	for name, c := range map[string]struct {
		wrap func(storage.Store) storage.Store
		want error
	}{
		"hides":    {func(s storage.Store) storage.Store { return hides{s} }, errors.New("the wrapper hides IsMonotonic")},
		"invents":  {func(s storage.Store) storage.Store { return claims{s, false} }, errors.New("the wrapper has IsMonotonic, which the wrapped store has not")},
		"lies":     {asks(func(s storage.Store, _ raft.MonotonicLogStore) storage.Store { return claims{s, true} }), errors.New("IsMonotonic of the wrapper is true, that of the wrapped store false")},
		"forwards": {asks(func(s storage.Store, m raft.MonotonicLogStore) storage.Store { return claims{s, m.IsMonotonic()} }), nil},
	} {
		if got := checkWrapper(c.wrap); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// A rule names a place that exists.
func TestRulesNameTheirPlaces(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/hashicorp/raft").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, r := range Rules() {
		if names[r.Name] || r.Says == "" {
			t.Errorf("%s: the name is not unique, or it says nothing", r.Name)
		}
		names[r.Name] = true
		if strings.HasSuffix(r.Relies, " of v1.8.0") {
			continue // not the version that is here
		}
		file, what, _ := strings.Cut(r.Relies, ":")
		path := filepath.Join(strings.TrimSpace(string(out)), file)
		if rest, ok := strings.CutPrefix(file, "storage/"); ok {
			path = filepath.Join("..", rest)
		}
		if !declares(t, path, what) {
			t.Errorf("%s: there is no %s in %s", r.Name, what, file)
		}
	}
}

func declares(t *testing.T, path, name string) bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			found = found || n.Name.Name == name
		case *ast.TypeSpec:
			found = found || n.Name.Name == name
		}
		return true
	})
	return found
}
