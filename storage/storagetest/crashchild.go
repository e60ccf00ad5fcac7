package storagetest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// crashChildEnv names the test whose child this process is. Orders come on
// descriptor 3 and news goes to descriptor 4.
const crashChildEnv = "KEYVAL_CRASH_CHILD"

// crashOrder is what a child is told to do.
type crashOrder struct {
	Check    bool // the store that a crash left; else run the script
	Dir      string
	Seed     uint64
	Promises CrashPromise

	Ops          int // of a run: how many at most
	Acked, Begun int // of a check: how far the run had come

	// Damaged is of a check of a store that may say so.
	Damaged bool

	// Want is, of a check after a second crash, what is there.
	Want string
}

// crashNews is what a child tells. It waits for an answer each time, so what it
// tells of has an order with what happens to the disk.
type crashNews struct {
	Event crashEvent
	Op    int
	Err   string
	Has   string // of a store that recovered: what is there
	Said  bool   // of a store that is damaged: that it says so
}

type crashEvent string

const (
	crashBegins   crashEvent = "begins"
	crashAcks     crashEvent = "acknowledges"
	crashFails    crashEvent = "fails"
	crashAccepted crashEvent = "accepts after an error"
	crashRecovers crashEvent = "has recovered and was written to"
	crashDone     crashEvent = "done"
)

// crashAnswer to news ends a run where it is, or lets it go on.
type crashAnswer struct{ Stop bool }

// crashPhone is the child's end.
type crashPhone struct {
	in  *json.Decoder
	out *json.Encoder
}

// crashChild obeys orders until there are none, and ends the process.
func crashChild(open storage.Opener) {
	p := &crashPhone{json.NewDecoder(os.NewFile(3, "orders")), json.NewEncoder(os.NewFile(4, "news"))}
	for {
		var o crashOrder
		if err := p.in.Decode(&o); err == io.EOF {
			os.Exit(0) //nolint:revive // nothing of the test may run in the child
		} else if err != nil {
			p.broken(err)
		}
		news := crashNews{Event: crashDone}
		var err error
		switch {
		case o.Want != "":
			err = crashCompare(open, o.Dir, o.Want)
		case o.Damaged:
			news.Said, err = crashInspect(open, o)
		case o.Check:
			err = crashCheck(open, o, func(has string) { p.tell(crashNews{Event: crashRecovers, Has: has}) })
		default:
			crashRun(open, o, p)
		}
		if err != nil {
			news.Err = err.Error()
		}
		p.tell(news)
	}
}

// tell returns whether to go on.
func (p *crashPhone) tell(n crashNews) bool {
	if err := p.out.Encode(n); err != nil {
		p.broken(err)
	}
	var a crashAnswer
	if err := p.in.Decode(&a); err != nil {
		p.broken(err)
	}
	return !a.Stop
}

// broken ends a child whose parent is gone.
func (*crashPhone) broken(err error) {
	fmt.Fprintln(os.Stderr, "crash kit:", err)
	os.Exit(2) //nolint:revive // there is nobody left to tell
}

// crashRun works through the script until it is told to stop or an operation
// fails.
func crashRun(open storage.Opener, o crashOrder, p *crashPhone) {
	script := newCrashScript(o.Seed)
	var s storage.Store
	defer func() {
		if s != nil {
			_ = s.Close() // whatever it does is after the crash
		}
	}()
	for i := range o.Ops {
		op := script.next()
		if !p.tell(crashNews{Event: crashBegins, Op: i}) {
			return
		}
		var err error
		if op.do != nil {
			err = op.do(s)
		} else {
			s, err = crashReopen(open, o.Dir, s)
		}
		if err != nil {
			if s != nil && op.do != nil && o.Promises&FailStop != 0 {
				for _, accepted := range crashInsist(s, script.state) {
					p.tell(crashNews{Event: crashAccepted, Op: i, Err: accepted})
				}
			}
			p.tell(crashNews{Event: crashFails, Op: i, Err: err.Error()})
			return
		}
		if !p.tell(crashNews{Event: crashAcks, Op: i}) {
			return
		}
	}
}

func crashReopen(open storage.Opener, dir string, s storage.Store) (storage.Store, error) {
	if s != nil {
		if err := s.Close(); err != nil {
			return nil, err
		}
	}
	return open(dir, storage.Options{})
}

// crashInsist writes to a store that has failed, and returns what it accepted.
func crashInsist(s storage.Store, state *crashState) (accepted []string) {
	last := max(state.last, 1)
	for name, err := range map[string]error{
		"StoreLog":    s.StoreLog(&raft.Log{Index: last + 1, Term: 1 << 40}),
		"SetUint64":   s.SetUint64(crashCurrentTerm, state.term+50),
		"Set":         s.Set(crashVoteCand, []byte("nobody")),
		"DeleteRange": s.DeleteRange(last, last),
	} {
		if err == nil {
			accepted = append(accepted, name)
		}
	}
	return accepted
}
