package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// The keys that hashicorp/raft saves a vote under; it does not export them.
const (
	voteTermKey = "LastVoteTerm"
	voteCandKey = "LastVoteCand"
)

// pairKey is where a guarded store has both.
const pairKey = "keyval/LastVote"

// notFound is what hashicorp/raft compares the text of a miss with.
const notFound = "not found"

// pair is one vote. Its form: version 1 (1 byte), term (8 bytes, big endian),
// candidate, CRC-32C of all that (4 bytes).
type pair struct {
	term      uint64
	candidate []byte
}

const (
	pairVersion = 1
	pairMinSize = 1 + 8 + 4
)

func (p pair) encode() []byte {
	b := append(make([]byte, 0, pairMinSize+len(p.candidate)), pairVersion)
	b = binary.BigEndian.AppendUint64(b, p.term)
	b = append(b, p.candidate...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodePair(b []byte) (pair, error) {
	if len(b) > 0 && b[0] != pairVersion {
		return pair{}, fmt.Errorf("saved vote has version %d, this program reads version %d", b[0], pairVersion)
	}
	if len(b) < pairMinSize {
		return pair{}, errors.New("saved vote is cut short")
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return pair{}, errors.New("saved vote is damaged: its checksum does not fit")
	}
	return pair{term: binary.BigEndian.Uint64(body[1:]), candidate: append([]byte{}, body[9:]...)}, nil
}

// readPair returns the pair of s and whether it counts: it does not where there
// is none, or where the store's own keys name a later term.
func readPair(s raft.StableStore) (p pair, counts bool, err error) {
	raw, err := s.Get([]byte(pairKey))
	if isMiss(err) {
		return pair{}, false, nil
	}
	if err != nil {
		return pair{}, false, err
	}
	if p, err = decodePair(raw); err != nil {
		return pair{}, false, err
	}
	plain, err := s.GetUint64([]byte(voteTermKey))
	if err != nil && !isMiss(err) {
		return pair{}, false, err
	}
	return p, err != nil || plain <= p.term, nil
}

func isMiss(err error) bool { return err != nil && err.Error() == notFound }

// voteKeeper saves votes as pairs.
type voteKeeper struct {
	inner raft.StableStore
	plain bool // votes go to the keys that Raft names, as without a guard

	mu   sync.Mutex
	held *uint64 // a term whose candidate has not come yet
}

func (v *voteKeeper) holdTerm(term uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.held = &term
}

// setCandidate saves the pair. Where no term is held, as Raft never does it,
// the candidate replaces that of the term already there.
func (v *voteKeeper) setCandidate(candidate []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := pair{candidate: candidate}
	if v.held != nil {
		p.term = *v.held
	} else {
		term, err := v.term()
		if err != nil && !isMiss(err) {
			return err
		}
		p.term = term
	}
	if err := v.inner.Set([]byte(pairKey), p.encode()); err != nil {
		return err
	}
	v.held = nil
	return nil
}

// term returns the term of the saved vote, never a held one: that is not saved.
func (v *voteKeeper) term() (uint64, error) {
	p, counts, err := readPair(v.inner)
	if err != nil {
		return 0, err
	}
	if !counts {
		return v.inner.GetUint64([]byte(voteTermKey))
	}
	return p.term, nil
}

func (v *voteKeeper) candidate() ([]byte, error) {
	p, counts, err := readPair(v.inner)
	if err != nil {
		return nil, err
	}
	if !counts {
		return v.inner.Get([]byte(voteCandKey))
	}
	return p.candidate, nil
}

// TakeOff readies a store that was guarded for use without: it writes the vote
// back to the keys that Raft reads. s is the store itself, not what [Wrap]
// returned. A crash within it leaves the vote in the pair, so the caller counts
// the store as guarded until TakeOff has returned nil; it can be repeated. The
// pair stays, and counts for nothing once the bare store has voted.
func TakeOff(s storage.Store) error {
	p, counts, err := readPair(s)
	if err != nil {
		return fmt.Errorf("take the guard off: %w", err)
	}
	if !counts {
		return nil
	}
	// The candidate first. The term is what makes these keys count: written
	// first, a crash would leave it beside an older candidate, which is the
	// very tear that the guard is there to prevent.
	if err := s.Set([]byte(voteCandKey), p.candidate); err != nil {
		return fmt.Errorf("take the guard off: %w", err)
	}
	if err := s.SetUint64([]byte(voteTermKey), p.term); err != nil {
		return fmt.Errorf("take the guard off: %w", err)
	}
	return nil
}
