package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

// replicas is the machine under test: two states that apply the same entries, of
// which one has readers and is replaced by its own snapshot now and then.
type replicas struct {
	model *model
	quiet *State
	busy  *State
	pins  []pinnedModel
}

type pinnedModel struct {
	*Snapshot
	model *model
}

func TestStateAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &replicas{model: newModel(), quiet: New(), busy: New()}
		t.Repeat(map[string]func(*rapid.T){
			"":        r.check,
			"apply":   r.apply,
			"advance": r.advance,
			"pin":     r.pin,
			"write":   r.write,
			"release": r.release,
			"restore": r.restore,
		})
	})
}

func (r *replicas) apply(t *rapid.T) {
	entry := rapid.SliceOfN(commands, 0, 4).Draw(t, "entry")
	r.model.index++
	results := r.busy.Apply(r.model.index, r.model.term, entry)
	others := r.quiet.Apply(r.model.index, r.model.term, entry)
	if len(results) != len(entry) || len(others) != len(entry) {
		t.Fatalf("%d and %d results for %d commands", len(results), len(others), len(entry))
	}
	for i, c := range entry {
		deleted, refused := r.model.apply(c)
		got := results[i]
		if got.Revision != r.model.revision || got.Deleted != deleted || (got.Err != nil) != refused {
			t.Fatalf("%v gave %+v, want revision %d, deleted %d, refused %v", c, got, r.model.revision, deleted, refused)
		}
		if fmt.Sprint(others[i]) != fmt.Sprint(got) {
			t.Fatalf("%v gave %+v and, on the other replica, %+v", c, got, others[i])
		}
	}
}

func (r *replicas) advance(*rapid.T) {
	r.model.index++
	r.model.term++
	r.busy.Advance(r.model.index, r.model.term)
	r.quiet.Advance(r.model.index, r.model.term)
}

func (r *replicas) pin(*rapid.T) {
	r.pins = append(r.pins, pinnedModel{r.busy.Snapshot(), r.model.clone()})
}

func (r *replicas) anyPin(t *rapid.T) int {
	if len(r.pins) == 0 {
		t.Skip("nothing is pinned")
	}
	return rapid.IntRange(0, len(r.pins)-1).Draw(t, "pin")
}

// write checks that a pin, however old, still holds the state of its moment.
func (r *replicas) write(t *rapid.T) {
	p := r.pins[r.anyPin(t)]
	restored := writeAndRestore(t, p.Snapshot)
	if err := p.model.differs(restored); err != nil {
		t.Fatalf("restored from a pin: %v", err)
	}
	if got, want := restored.Summary(), p.Summary(); got != want {
		t.Fatalf("restored %+v, pinned %+v", got, want)
	}
	checkInside(t, restored)
}

func (r *replicas) release(t *rapid.T) {
	i := r.anyPin(t)
	r.pins[i].Release()
	r.pins[i].Release()
	if _, err := r.pins[i].WriteTo(nil); !errors.Is(err, ErrReleased) {
		t.Fatalf("WriteTo after Release: %v", err)
	}
	r.pins = append(r.pins[:i:i], r.pins[i+1:]...)
}

// restore continues with a state from a snapshot. Pins of the old one stay.
func (r *replicas) restore(t *rapid.T) {
	sn := r.busy.Snapshot()
	defer sn.Release()
	r.busy = writeAndRestore(t, sn)
}

func (r *replicas) check(t *rapid.T) {
	if err := r.model.differs(r.busy); err != nil {
		t.Fatal(err)
	}
	if got, want := r.busy.Summary(), r.quiet.Summary(); got != want {
		t.Fatalf("the replicas are at %+v and %+v", got, want)
	}
	checkInside(t, r.busy)
	checkInside(t, r.quiet)
}

func writeAndRestore(t rapid.TB, sn *Snapshot) *State {
	t.Helper()
	var b bytes.Buffer
	n, err := sn.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d of %d bytes, %v", n, b.Len(), err)
	}
	s, err := Restore(&b)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	return s
}

// checkInside checks what must hold between the parts of a state.
func checkInside(t rapid.TB, s *State) {
	t.Helper()
	var keys, sum, listed uint64
	chained, last := 0, ""
	s.space.ascend("", func(e *version) bool {
		key := e.rec.key()
		if listed++; key <= last {
			t.Fatalf("%q is listed behind %q", key, last)
		}
		last = key
		if at, ok := s.space.table.find(s.space.table.hash([]byte(key)), []byte(key)); !ok || s.space.entry(at) != e {
			t.Fatalf("%q is listed, but not found", key)
		}
		if e.rec.live() {
			keys++
			sum += xxhash.Sum64String(string(e.rec))
		} else if e.older == nil {
			t.Fatalf("%q is a tombstone that hides nothing", key)
		}
		for newer, v := e, e.older; v != nil; newer, v = v, v.older {
			chained++
			if v.rec.mod() >= newer.rec.mod() {
				t.Fatalf("%q has version %d behind %d", key, v.rec.mod(), newer.rec.mod())
			}
		}
		return true
	})
	if s.keys != keys || s.sum != sum {
		t.Fatalf("%d keys with sum %x are counted, but %d with %x are there", s.keys, s.sum, keys, sum)
	}
	if used := uint64(s.space.entries.used) - uint64(len(s.space.entries.free)); used != listed {
		t.Fatalf("%d entries are in use, but %d are listed", used, listed)
	}
	noted := 0
	for _, p := range s.pins {
		noted += len(p.noted)
	}
	if noted != chained {
		t.Fatalf("%d versions are noted by pins, but %d are chained", noted, chained)
	}
}
