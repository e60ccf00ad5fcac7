// Package storagetest holds a Raft log store to what hashicorp/raft relies on.
//
// It takes a [storage.Opener], and asks nothing of the store but what package
// storage promises for it. One test function is all that an author writes:
//
//	func TestStore(t *testing.T) { storagetest.Run(t, mystore.Open) }
//
// [Run] checks a table of rules, each in a directory of its own and, where the
// store is durable, once more after the store was closed and opened again. A
// rule has a name, says in words what must hold, and names the function that
// goes wrong when it does not. [RunVolatile] is for a store that forgets
// everything when it is closed, and [RunWrapper] for what is put around stores.
// [Crash] takes the power away from a durable store, and [CrashDamage] damages
// its files. [Bench] measures a store, and [BenchCompare] several in turns.
//
// A rule is in the table only if there is a deliberately wrong store that passes
// all rules before it and breaks this one; the tests of this package have them.
//
// The kit is for tests. It may be imported by those of any module.
package storagetest
