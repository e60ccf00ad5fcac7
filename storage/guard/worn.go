package guard

import "github.com/hashicorp/raft"

// wornKey is where a store has noted that there is a mark beside it, so that a
// mark that is gone is missed.
const wornKey = "keyval/Guard"

var worn, bareAgain = []byte{1}, []byte{0}

func isWorn(s raft.StableStore) (bool, error) {
	v, err := s.Get([]byte(wornKey))
	if isMiss(err) {
		return false, nil
	}
	return err == nil && string(v) == string(worn), err
}

func setWorn(s raft.StableStore, on bool) error {
	if is, err := isWorn(s); err != nil || is == on {
		return err
	}
	if on {
		return s.Set([]byte(wornKey), worn)
	}
	return s.Set([]byte(wornKey), bareAgain)
}
