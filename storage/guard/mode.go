package guard

import "fmt"

// Mode says how much of the guard a store wears. The zero value is [On].
type Mode string

const (
	// On has all of the guard. The mark of what was acknowledged is written beside
	// the appends, at most 100 ms behind them.
	On Mode = "on"

	// Strict writes the mark with each append, before it is acknowledged. That
	// about doubles the cost of an append.
	Strict Mode = "strict"

	// Off has the fail-stop alone, since Raft is wrong without it. Entries that were
	// stored with a checksum keep it, and are read through it; new ones get none.
	// There is no mark, no sync after an unclean stop, and votes are in two writes.
	Off Mode = "off"
)

// ParseMode returns the mode of that name; the empty name is On.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case "", On:
		return On, nil
	case Strict, Off:
		return m, nil
	}
	return "", fmt.Errorf("guard is %q: take one of %s, %s, %s", s, On, Strict, Off)
}
