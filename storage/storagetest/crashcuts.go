package storagetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"

	"github.com/forkbikash/keyval/storage/storagetest/internal/crashfs"
)

// crashMoment is one at which the power could go.
type crashMoment struct {
	image        *crashfs.Image
	acked, begun int
	why          momentKind
}

type momentKind string

const (
	beforeSync momentKind = "cut before a sync"
	afterAck   momentKind = "cut after an acknowledgement"
	beforeSome momentKind = "cut before a write"
)

// crashRecorder takes the moments of a run. How far the run has come is read
// while the disk is locked, so neither can move on without the other.
type crashRecorder struct {
	disk *crashfs.Disk
	rng  *rand.Rand
	want int
	only momentKind // "" for all

	mu           sync.Mutex
	acked, begun int
	moments      []crashMoment
}

func (r *crashRecorder) watch(op crashfs.Op) syscall.Errno {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case op == crashfs.OpSync:
		r.take(beforeSync, r.disk.ImageLocked)
	case r.rng.IntN(6) == 0:
		r.take(beforeSome, r.disk.ImageLocked)
	}
	return 0
}

func (r *crashRecorder) take(why momentKind, image func() *crashfs.Image) {
	if len(r.moments) < r.want && (r.only == "" || r.only == why) {
		r.moments = append(r.moments, crashMoment{image(), r.acked, r.begun, why})
	}
}

// hear returns whether there are enough.
func (r *crashRecorder) hear(n crashNews) bool {
	r.note(n)
	if n.Event == crashAcks {
		// Not with r.mu held, which whoever has the disk waits for. The child waits
		// for its answer, and what else syncs in it only adds to the image.
		image := r.disk.Image()
		r.mu.Lock()
		r.take(afterAck, func() *crashfs.Image { return image })
		r.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.moments) >= r.want
}

func (r *crashRecorder) note(n crashNews) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n.Event {
	case crashBegins:
		r.begun = n.Op + 1
	case crashAcks:
		r.acked = n.Op + 1
	}
}

// record runs the script of seed until there are want moments.
func (k *crashKit) record(seed uint64, want int, only momentKind) ([]crashMoment, error) {
	disk := crashfs.NewDisk()
	r := &crashRecorder{disk: disk, rng: rand.New(rand.NewPCG(seed, 3)), want: want, only: only}
	disk.Watch(r.watch)
	err := k.session(func(s *crashSession) error {
		var failed error
		_, err := s.order(disk, crashOrder{Seed: seed, Ops: 20 * want, Promises: k.promises}, func(n crashNews) bool {
			if n.Event == crashFails {
				_, _, doing := crashStates(seed, n.Op, n.Op+1)
				failed = fmt.Errorf("on a healthy disk, %s (operation %d of script %d): %s", doing, n.Op+1, seed, n.Err)
			}
			return r.hear(n)
		})
		if err != nil {
			return fmt.Errorf("on a healthy disk (script %d): %w", seed, err)
		}
		return failed
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moments, err
}

// roundCuts bounds the cuts of one run, so that its images fit in memory.
const roundCuts = 100

// cuts takes the power away at every sync, after every acknowledgement and at
// some writes.
func (k *crashKit) cuts() (failures []error) {
	for round := 0; round*roundCuts < k.cutCount; round++ {
		seed := k.seed + uint64(round)
		moments, err := k.record(seed, min(roundCuts, k.cutCount-round*roundCuts), "")
		if err != nil {
			return append(failures, err)
		}
		rng := rand.New(rand.NewPCG(seed, 4))
		var trials []crashTrial
		for _, m := range moments {
			trials = append(trials, m.trials(seed, rng)...)
		}
		failures = append(failures, k.try(trials)...)
	}
	return failures
}

// trials are what may be left when the power goes at m: what was synced, and
// now and then more. Between two syncs what is synced stays the same, so at a
// write only more is worth a look.
func (m crashMoment) trials(seed uint64, rng *rand.Rand) (all []crashTrial) {
	add := func(left string, keep crashfs.Keep) {
		all = append(all, crashTrial{
			image: m.image, keep: keep,
			order:  crashOrder{Seed: seed, Acked: m.acked, Begun: m.begun},
			titled: fmt.Sprintf("%s, %s survived", m.why, left),
		})
	}
	some := crashfs.Keep{Some: rand.New(rand.NewPCG(rng.Uint64(), 5))}
	if m.why == beforeSome {
		add("any part of what was not synced", some)
		return all
	}
	add("nothing that was not synced", crashfs.Keep{})
	if len(m.image.Pending()) == 0 {
		return all
	}
	switch rng.IntN(4) {
	case 0:
		add("everything", crashfs.Everything)
	case 1:
		add("any part of what was not synced", some)
	}
	return all
}

// tornWrites cuts the last write before a sync, where all before it survives.
func (k *crashKit) tornWrites() (failures []error) {
	seed := k.seed + 1_000
	rng := rand.New(rand.NewPCG(seed, 6))
	places := max(20, k.cutCount/5)
	writes := max(5, k.cutCount/100)
	moments, err := k.record(seed, 8*writes, beforeSync)
	if err != nil {
		return []error{err}
	}
	rng.Shuffle(len(moments), func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
	var trials []crashTrial
	for _, m := range moments {
		last, ok := lastWrite(m.image)
		if !ok || writes == 0 {
			continue
		}
		writes--
		for _, torn := range tornAt(rng, last.Bytes, places) {
			trials = append(trials, crashTrial{
				image: m.image, keep: crashfs.Keep{Until: last.Seq - 1, Torn: torn},
				order:  crashOrder{Seed: seed, Acked: m.acked, Begun: m.begun},
				titled: fmt.Sprintf("last write torn at %d of %d bytes", torn, last.Bytes),
			})
		}
	}
	return k.try(trials)
}

func lastWrite(i *crashfs.Image) (last crashfs.Pending, ok bool) {
	for _, p := range i.Pending() {
		if p.Bytes > 1 {
			last, ok = p, true
		}
	}
	return last, ok
}

// tornAt returns every place at which size bytes can be torn, or as many as
// allowed, among them the first and the last.
func tornAt(rng *rand.Rand, size, places int) (at []int) {
	if size-1 <= places {
		for i := 1; i < size; i++ {
			at = append(at, i)
		}
		return at
	}
	at = append(at, 1, size-1)
	for len(at) < places {
		at = append(at, 1+rng.IntN(size-1))
	}
	return at
}
