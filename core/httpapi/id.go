package httpapi

import (
	"errors"
	"strings"
)

// CheckID keeps the ids of nodes to what fits into a URL, a shell word and a
// file name. A node is started with no other, and a join asks for no other.
func CheckID(id string) error {
	allowed := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:-", r)
	}
	switch {
	case id == "" || len(id) > 128:
		return errors.New("an id has 1 to 128 characters")
	case strings.ContainsFunc(id, func(r rune) bool { return !allowed(r) }):
		return errors.New("an id has only letters, digits and . _ : -")
	case id[0] == '-':
		return errors.New("an id does not begin with a dash")
	case strings.Trim(id, ".") == "":
		return errors.New("an id is more than dots")
	}
	return nil
}
