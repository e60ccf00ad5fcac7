package fsm

// version is one version of a key and those behind it that a pin still sees,
// newest first.
type version struct {
	rec   record
	older *version
}

// at returns the version that a reader at revision sees, and false when the key
// did not exist then.
func (v *version) at(revision uint64) (record, bool) {
	for ; v != nil; v = v.older {
		if v.rec.mod() <= revision {
			return v.rec, v.rec.live()
		}
	}
	return "", false
}

// slot numbers a key's entry for as long as the entry exists. Numbers are half
// as large as pointers, and the garbage collector need not follow them.
type slot uint32

const chunkSlots = 1024

// entries holds the newest version of each key. It grows by a chunk at a time,
// so that growing never copies what is there.
type entries struct {
	chunks []*[chunkSlots]version
	used   slot   // slots below it were handed out
	free   []slot // of those, the ones that are vacant again
}

func (e *entries) at(s slot) *version {
	return &e.chunks[s/chunkSlots][s%chunkSlots]
}

func (e *entries) key(s slot) string { return e.at(s).rec.key() }

func (e *entries) add(rec record) slot {
	var s slot
	if n := len(e.free); n > 0 {
		s, e.free = e.free[n-1], e.free[:n-1]
	} else {
		if s = e.used; int(s/chunkSlots) == len(e.chunks) {
			e.chunks = append(e.chunks, new([chunkSlots]version))
		}
		e.used++
	}
	*e.at(s) = version{rec: rec}
	return s
}

func (e *entries) vacate(s slot) {
	*e.at(s) = version{}
	e.free = append(e.free, s)
}
