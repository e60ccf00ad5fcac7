package fsm

// keyspace is the set of entries, found by hash and listed in order. An entry is
// in all three parts or in none.
type keyspace struct {
	entries entries
	table   *table
	ordered *ordered
}

func newKeyspace() *keyspace {
	k := &keyspace{}
	k.table = newTable(&k.entries)
	k.ordered = newOrdered(&k.entries)
	return k
}

func (k *keyspace) entry(s slot) *version { return k.entries.at(s) }

// insert adds an entry for a key that has none.
func (k *keyspace) insert(hash uint32, rec record) {
	s := k.entries.add(rec)
	k.table.insert(hash, s)
	k.ordered.insert(s)
}

// remove forgets an entry.
func (k *keyspace) remove(s slot) {
	k.table.remove(s)
	k.ordered.remove(k.entries.key(s))
	k.entries.vacate(s)
}

// ascend calls visit with the entries whose keys are above after, in key order,
// until it returns false.
func (k *keyspace) ascend(after string, visit func(*version) bool) {
	k.ordered.ascend(after, func(s slot) bool { return visit(k.entries.at(s)) })
}
