//go:build !race

package storage_test

// raceDetector says whether the tests look for data races.
const raceDetector = false
