// Package settings reads what follows the colon in -log-store=name:arg: a
// comma-separated list of key=value.
package settings

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/forkbikash/keyval/storage"
)

// Setting is one key that a store understands.
type Setting struct {
	Key  string
	Form string // what may follow the equals sign, as shown to the user
	Set  func(value string) error
}

// Parse gives each key=value of arg to its setting. An error is a
// [storage.ArgError] that says all that the store named by store would have
// understood.
func Parse(store, arg string, known ...Setting) error {
	if arg == "" {
		return nil
	}
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(arg, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return refuse(store, pair, "is not key=value", known)
		}
		setting := find(known, key)
		switch {
		case setting == nil:
			return refuse(store, pair, "is not known", known)
		case seen[key]:
			return refuse(store, pair, "comes twice", known)
		}
		seen[key] = true
		if err := setting.Set(value); err != nil {
			return refuse(store, pair, err.Error(), known)
		}
	}
	return nil
}

func find(known []Setting, key string) *Setting {
	for i := range known {
		if known[i].Key == key {
			return &known[i]
		}
	}
	return nil
}

func refuse(store, pair, why string, known []Setting) error {
	if len(known) == 0 {
		return argError("%s setting %q %s; it takes no settings", store, pair, why)
	}
	forms := make([]string, len(known))
	for i, s := range known {
		forms[i] = s.Key + "=" + s.Form
	}
	return argError("%s setting %q %s; it takes %s", store, pair, why, strings.Join(forms, ", "))
}

func argError(format string, a ...any) error {
	return &storage.ArgError{Reason: fmt.Sprintf(format, a...)}
}

// Bool is a setting that takes true or false.
func Bool(key string, to *bool) Setting {
	return Setting{Key: key, Form: "true|false", Set: func(value string) error {
		switch value {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return fmt.Errorf("is neither true nor false")
		}
		return nil
	}}
}

// Size is a setting that takes a number of bytes from low to high, plain or
// with KiB, MiB or GiB.
func Size(key string, low, high int64, to *int64) Setting {
	form := fmt.Sprintf("SIZE (%s to %s)", formatSize(low), formatSize(high))
	return Setting{Key: key, Form: form, Set: func(value string) error {
		n, err := parseSize(value)
		if err != nil {
			return err
		}
		if n < low || n > high {
			return fmt.Errorf("is out of range")
		}
		*to = n
		return nil
	}}
}

var units = []struct {
	suffix string
	shift  uint
}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}

func parseSize(value string) (int64, error) {
	digits, shift := value, uint(0)
	for _, u := range units {
		if d, ok := strings.CutSuffix(value, u.suffix); ok {
			digits, shift = d, u.shift
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("is not a size such as 65536, 64KiB or 1MiB")
	}
	return int64(n << shift), nil
}

func formatSize(n int64) string {
	for _, u := range units {
		if n >= 1<<u.shift && n%(1<<u.shift) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}
