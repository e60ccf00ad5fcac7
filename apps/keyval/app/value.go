package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forkbikash/keyval/core/httpapi"
)

// The functions here make parsers of a setting's text. Their errors follow the
// flag's name and value, and say what would be right.

func text(to *string, check func(string) error) func(string) error {
	return func(s string) error {
		*to = s
		return check(s)
	}
}

func boolean(to *bool) func(string) error {
	return func(s string) (err error) {
		if *to, err = strconv.ParseBool(s); err != nil {
			return errors.New("write true or false")
		}
		return nil
	}
}

func oneOf[S ~string](to *S, allowed ...S) func(string) error {
	return func(s string) error {
		if slices.Contains(allowed, S(s)) {
			*to = S(s)
			return nil
		}
		words := make([]string, len(allowed))
		for i, a := range allowed {
			words[i] = string(a)
		}
		return fmt.Errorf("take one of %s%s", strings.Join(words, ", "), didYouMean(s, words))
	}
}

func duration(to *time.Duration, least, most time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("write a number and a unit, such as 500ms, 1s or 2m")
		}
		if d < least || d > most {
			return fmt.Errorf("take one from %v to %v", least, most)
		}
		*to = d
		return nil
	}
}

// durationOrNone also takes 0.
func durationOrNone(to *time.Duration, least, most time.Duration) func(string) error {
	parse := duration(to, least, most)
	return func(s string) error {
		if d, err := time.ParseDuration(s); err == nil && d == 0 {
			*to = 0
			return nil
		}
		if err := parse(s); err != nil {
			return fmt.Errorf("%w, or 0 for none", err)
		}
		return nil
	}
}

func count[N int | uint64](to *N, least, most N) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil || N(n) < least || N(n) > most {
			return fmt.Errorf("take a whole number from %d to %d", least, most)
		}
		*to = N(n)
		return nil
	}
}

// plug parses NAME[:ARG] and makes sure that there is one of that name.
func plug[O any](to *Plug, lookup func(string) (O, error)) func(string) error {
	return func(s string) error {
		name, arg, _ := strings.Cut(s, ":")
		if _, err := lookup(name); err != nil {
			return err
		}
		*to = Plug{Name: name, Arg: arg}
		return nil
	}
}

func names[O any](openers map[string]O) string {
	return strings.Join(slices.Sorted(maps.Keys(openers)), ", ")
}

// checkID takes what the cluster would. A dash is most likely the next flag.
func checkID(id string) error {
	err := httpapi.CheckID(id)
	if err != nil && strings.HasPrefix(id, "-") {
		err = fmt.Errorf("%w: is the flag's value missing?", err)
	}
	return err
}
