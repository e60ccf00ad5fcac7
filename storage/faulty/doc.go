// Package faulty makes a log store fail as a test wants it to: late, not at
// all, with an error, after half of a batch, or with a wrong answer.
//
// A [Script] says which calls go wrong and how; [Wrap] has a store follow it.
// Faults are told by the operation and by how many calls of it came before, so a
// test fails at the same call every time:
//
//	var script faulty.Script
//	s := faulty.Wrap(memstore.New(), &script)
//	script.Inject(faulty.Fault{On: faulty.StoreLogs, After: 2, Times: 1, Err: syscall.EIO, Lands: 3})
//
// Here the third batch stores its first three entries and then fails. What is
// not said goes to the store unharmed. It is for tests; nothing else imports it.
package faulty
