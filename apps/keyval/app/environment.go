package app

import "strings"

// dirVariable stands for the data directory, which has no flag.
const dirVariable = envPrefix + "DIR"

// variables are those that a node reads.
func (f *nodeFlags) variables() []string {
	names := []string{dirVariable}
	for _, g := range f.groups {
		for _, s := range g.settings {
			names = append(names, s.env())
		}
	}
	return names
}

// misspelt returns the variables of environ, NAME=VALUE, that look as if one of
// known was meant, each with that one. Others that begin with KEYVAL_ may be
// anyone's, such as those that Kubernetes makes for a service called keyval.
func misspelt(environ, known []string) map[string]string {
	found := make(map[string]string)
	isKnown := make(map[string]bool)
	for _, k := range known {
		isKnown[k] = true
	}
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || isKnown[name] {
			continue
		}
		// The prefix is right, so it must not pay for mistakes in the rest.
		if c := closest(strings.TrimPrefix(name, envPrefix), trimAll(known)); c != "" {
			found[name] = envPrefix + c
		}
	}
	return found
}

func trimAll(names []string) []string {
	rest := make([]string, len(names))
	for i, n := range names {
		rest[i] = strings.TrimPrefix(n, envPrefix)
	}
	return rest
}
