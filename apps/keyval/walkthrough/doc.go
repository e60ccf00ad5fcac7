// Package walkthrough keeps README.md and CLUSTERING.md true: its tests run
// every command that the two show, as a reader would, and compare their tables
// with the program.
//
// A ```bash block is run line by line, in the order of the file:
//
//   - keyval and go run ./apps/keyval start a node, which then runs on as in a
//     terminal of its own; before a command of another kind, all are ready;
//   - keyval log, curl and the rest run to their end; lines that begin with "# => " are what
//     they print, "..." standing for anything;
//   - "# on 192.168.0.1" says whose home directory is seen from there on;
//   - "# Ctrl-C" interrupts the node that was started last, and "# Ctrl-C in
//     node1's terminal" that one, which must then end without an error;
//   - "# Wait for the end of node1" does that, and it must be without an error.
//
// A command that the tests do not know how to run fails them. Each file is
// walked through on loopback addresses and in home directories of its own.
package walkthrough
