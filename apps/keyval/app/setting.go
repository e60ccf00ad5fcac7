package app

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// A setting is a flag of a node and its environment variable. It keeps the text
// it was given, and parses it only once all are known: so the flag and the
// variable refuse a bad value alike, and a default is checked as they are.
type setting struct {
	name     string
	arg      string // stands for the value in the help; empty for a switch
	usage    string
	fallback string // the default value; may be empty, and is then not parsed
	shown    string // the default in the help, where it is not fallback
	parse    func(string) error

	text string
	from source
}

// source says where a setting's text comes from; the later ones win.
type source int

const (
	fromDefault source = iota
	fromEnv
	fromFlag
)

// Set takes what stands on the command line. With String and IsBoolFlag it makes
// a setting what the flag package parses into.
func (s *setting) Set(text string) error {
	s.text, s.from = text, fromFlag
	return nil
}

func (s *setting) String() string { return s.text }

// IsBoolFlag says that the flag may stand without a value.
func (s *setting) IsBoolFlag() bool { return s.arg == "" }

// envPrefix is what every variable of the environment begins with.
const envPrefix = "KEYVAL_"

func (s *setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// resolve parses the flag, else the environment variable, else the default. A
// variable that is empty counts as not set.
func (s *setting) resolve(getenv func(string) string) error {
	if s.from != fromFlag {
		s.text = s.fallback
		if v := getenv(s.env()); v != "" {
			s.text, s.from = v, fromEnv
		}
	}
	if s.from == fromDefault && s.text == "" {
		return nil
	}
	if err := s.parse(s.text); err != nil {
		return usagef("%s %q: %w", s.label(), s.text, err)
	}
	return nil
}

// label is how the user knows the setting: as they gave it.
func (s *setting) label() string {
	if s.from == fromEnv {
		return s.env()
	}
	return "-" + s.name
}

func (s *setting) cliFlag() cli.Flag {
	return &cli.GenericFlag{Name: s.name, Value: s}
}
