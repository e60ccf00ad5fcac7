//go:build race

package process_test

// raceDetector says whether the tests look for data races, and so the binary
// that they run must too.
const raceDetector = true
