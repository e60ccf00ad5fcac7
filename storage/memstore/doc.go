// Package memstore is a Raft log store in memory, for tests and for nodes that
// shall leave no trace: what it held is gone when it is closed.
//
// Take it for -inmem clusters and for tests that want a store without a disk.
// A node on it forgets its vote when it stops, so it must not come back under
// the same id: a cluster counts on votes being kept.
//
// It never touches its directory, and each Open makes an empty store of its
// own, whatever the directory. It takes no settings.
package memstore
