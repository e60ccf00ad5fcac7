// Package process tests keyval as its users have it: the built binary, run as
// processes that talk over real ports, keep real directories, and are killed
// with kill -9. It holds tests alone and nobody imports it.
//
// What happens inside one process is tested beside the code. Here belongs what
// only whole processes show: a cluster's life from its first node to the
// replacement of a dead one, on every durable log store, and the exit codes and
// messages that a mistaken command line meets.
//
// No test asserts on time: each waits for what must come true, with a deadline
// that a busy machine does not reach. KEYVAL_TEST_BINARY names a binary to test
// instead of building one, with the race detector when the tests have it; -short
// tests one log store.
package process
