package httpapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/core/command/commandpb"
)

// decodeWrite reads the body of POST /key: one JSON object of strings. It is
// stricter than encoding/json, which lets the last of two equal keys win and
// replaces what is not valid Unicode, so that other bytes would be stored than
// were sent. The mutations may share memory with body.
func decodeWrite(body []byte, l Limits) ([]*commandpb.Mutation, error) {
	p := parser{b: body}
	p.space()
	switch c := p.peek(); {
	case p.i == len(body):
		return nil, badRequest(codeMalformedJSON, `the body is empty: send a JSON object such as {"key":"value"}`)
	case c != '{' && kindOf(c) != "" && json.Valid(body):
		return nil, badRequest(codeInvalidType, `the body is %s: send a JSON object such as {"key":"value"}`, kindOf(c))
	}
	mutations, err := p.object(l)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(body) {
		return nil, p.malformed("there is more after the object: send one object")
	}
	if len(mutations) == 0 {
		return nil, badRequest(codeEmptyObject, `the object has no keys: send at least one, such as {"key":"value"}`)
	}
	return mutations, nil
}

// parser walks over JSON text.
type parser struct {
	b []byte
	i int
}

// object reads what p stands before as an object of strings.
func (p *parser) object(l Limits) (mutations []*commandpb.Mutation, err error) {
	if !p.take('{') {
		return nil, p.malformed("an object was expected")
	}
	if p.space(); p.take('}') {
		return nil, nil
	}
	var seen map[string]struct{} // once there are many
	for {
		p.space()
		key, err := p.string("a key in double quotes was expected")
		if err != nil {
			return nil, err
		}
		if err := checkKey(key, l); err != nil {
			return nil, err
		}
		if seen, err = noteKey(seen, mutations, key); err != nil {
			return nil, err
		}
		value, err := p.value(key)
		if err != nil {
			return nil, err
		}
		if len(value) > l.MaxValue {
			return nil, tooLarge(codeValueTooLarge, "the value of %s has %d bytes: a value has at most %d", quote(string(key)), len(value), l.MaxValue)
		}
		mutations = append(mutations, command.Put(key, value))
		p.space()
		if p.take('}') {
			return mutations, nil
		}
		if !p.take(',') {
			return nil, p.malformed("a comma or a closing brace was expected")
		}
	}
}

func checkKey(key []byte, l Limits) error {
	switch {
	case len(key) == 0:
		return badRequest(codeEmptyKey, "a key is empty: a key has at least one byte")
	case len(key) > l.MaxKey:
		return tooLarge(codeKeyTooLong, "the key %s has %d bytes: a key has at most %d", quote(string(key)), len(key), l.MaxKey)
	}
	return nil
}

// noteKey refuses a key that came before. A few keys are compared one by one.
func noteKey(seen map[string]struct{}, before []*commandpb.Mutation, key []byte) (map[string]struct{}, error) {
	const few = 8
	again := false
	if len(before) < few {
		for _, m := range before {
			again = again || bytes.Equal(m.GetKey(), key)
		}
	} else {
		if seen == nil {
			seen = make(map[string]struct{}, 4*few)
			for _, m := range before {
				seen[string(m.GetKey())] = struct{}{}
			}
		}
		_, again = seen[string(key)]
		seen[string(key)] = struct{}{}
	}
	if again {
		return seen, badRequest(codeDuplicateKey, "the key %s stands twice in the object: send each key once", quote(string(key)))
	}
	return seen, nil
}

// value reads the colon and the string that belong to key.
func (p *parser) value(key []byte) ([]byte, error) {
	if p.space(); !p.take(':') {
		return nil, p.malformed("a colon was expected")
	}
	p.space()
	if kind := kindOf(p.peek()); kind != "" && kind != "a string" {
		return nil, badRequest(codeInvalidType, "the value of %s is %s: values are strings, in double quotes", quote(string(key)), kind)
	}
	return p.string("a value in double quotes was expected")
}

// string reads a string. Without escapes it is part of the text itself.
func (p *parser) string(expected string) ([]byte, error) {
	if !p.take('"') {
		return nil, p.malformed(expected)
	}
	start := p.i
	var unescaped []byte // from when the first escape was met
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			part := p.b[start:p.i:p.i]
			p.i++
			if unescaped == nil {
				return part, nil
			}
			return append(unescaped, part...), nil
		case c == '\\':
			unescaped = append(unescaped, p.b[start:p.i]...)
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			unescaped = utf8.AppendRune(unescaped, r)
			start = p.i
		case c < ' ':
			return nil, p.malformed("a control character in a string must be escaped, as \\n or \\u000a is")
		case c < utf8.RuneSelf:
			p.i++
		default:
			r, size := utf8.DecodeRune(p.b[p.i:])
			if r == utf8.RuneError && size == 1 {
				return nil, p.malformed("the text is not valid UTF-8")
			}
			p.i += size
		}
	}
	return nil, p.malformed("the text ends within a string")
}

// escape reads one escape, or two that make a surrogate pair.
func (p *parser) escape() (rune, error) {
	p.i++
	c := p.peek()
	p.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.unicode()
	}
	p.i -= 2
	return 0, p.malformed("an escape is unknown")
}

// unicode reads what follows \u. Half of a surrogate pair is no character.
func (p *parser) unicode() (rune, error) {
	start := p.i - 2
	r, ok := p.hex4()
	if ok && utf16.IsSurrogate(r) {
		second := rune(-1)
		if bytes.HasPrefix(p.b[p.i:], []byte(`\u`)) {
			p.i += 2
			second, ok = p.hex4()
		}
		if r = utf16.DecodeRune(r, second); ok && r == utf8.RuneError {
			p.i = start
			return 0, p.malformed("an escape is half of a surrogate pair")
		}
	}
	if !ok {
		p.i = start
		return 0, p.malformed("an escape is not \\u and four hexadecimal digits")
	}
	return r, nil
}

func (p *parser) hex4() (rune, bool) {
	if len(p.b)-p.i < 4 {
		return 0, false
	}
	var r rune
	for _, c := range p.b[p.i : p.i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.i += 4
	return r, true
}

func (p *parser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\t' || p.b[p.i] == '\n' || p.b[p.i] == '\r') {
		p.i++
	}
}

// peek is the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) malformed(why string) *failure {
	return badRequest(codeMalformedJSON, "the body is not as it should be at byte %s: %s", strconv.Itoa(p.i), why)
}

// kindOf names the JSON value that begins with c; empty when none does.
func kindOf(c byte) string {
	switch {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	}
	return ""
}
