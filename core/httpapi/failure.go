package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/core/node"
)

// Codes of problems. They are stable: programs go by them. A join or removal
// that the leader refuses has its node.RefusalCode as code.
const (
	// 400: the request is wrong, and will be however often it is sent.
	codeMalformedJSON          = "malformed_json"          // not JSON, or more than one value, or text that is not valid Unicode
	codeInvalidType            = "invalid_type"            // JSON of another shape than the call takes
	codeDuplicateKey           = "duplicate_key"           // a key stands twice in one object
	codeEmptyObject            = "empty_object"            // a write of no keys
	codeEmptyKey               = "empty_key"               // a key of no bytes
	codeUnknownField           = "unknown_field"           // a field that the call does not know
	codeInvalidParameter       = "invalid_parameter"       // a query parameter with a wrong value
	codeUnsupportedParameter   = "unsupported_parameter"   // a query parameter that this version does not know
	codeUnsupportedConsistency = "unsupported_consistency" // a read level that this version does not offer
	codeUnsupportedHeader      = "unsupported_header"      // a header that this version does not honour
	codeUnreadableBody         = "unreadable_body"         // the body ended early or is wrongly framed

	codeCrossOrigin      = "cross_origin"       // 403: a web page of another site had a browser send it
	codeNotFound         = "not_found"          // 404: no such path
	codeKeyNotFound      = "key_not_found"      // 404: no such key
	codeMethodNotAllowed = "method_not_allowed" // 405; Allow lists the methods
	codeRequestTimeout   = "request_timeout"    // 408: the body came too slowly

	// 413; the detail names the limit.
	codeKeyTooLong    = "key_too_long"
	codeValueTooLarge = "value_too_large"
	codeBodyTooLarge  = "body_too_large"

	codeRefused = "command_refused" // 422: the state machine refused the command; nothing changed

	// 307 and 421 name the leader. 503: a forwarded request found that its target
	// does not lead; it was not proposed.
	codeNotLeader = "not_leader"

	// 503: certainly not proposed; try again soon.
	codeNoLeader             = "no_leader"
	codeLeaderUnreachable    = "leader_unreachable"     // no connection to the leader
	codeLeaderAddressUnknown = "leader_address_unknown" // the leader never told its HTTP address
	codeNotCaughtUp          = "not_caught_up"          // a read of a node that has just started
	codeBusy                 = "busy"
	codeShuttingDown         = "shutting_down"

	// With "outcome": "unknown".
	codeOutcomeUnknown = "outcome_unknown" // 504
	codeBadGateway     = "bad_gateway"     // 502: what answers at the leader's address is not keyval

	codeInternal = "internal" // 500: a bug
)

const outcomeUnknown = "unknown"

// failure is an error that knows its answer.
type failure struct {
	status  int
	code    string
	detail  string
	outcome string
	leader  *api.Node
	allow   string // of 405
	retry   bool   // soon, with Retry-After
	closing bool   // the connection ends with this answer
}

func (f *failure) Error() string { return f.detail }

func badRequest(code, format string, a ...any) *failure {
	return &failure{status: http.StatusBadRequest, code: code, detail: fmt.Sprintf(format, a...)}
}

func tooLarge(code, format string, a ...any) *failure {
	return &failure{status: http.StatusRequestEntityTooLarge, code: code, detail: fmt.Sprintf(format, a...)}
}

// quote shows a string that a client sent, shortened.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}

// fail answers err as a problem.
func (h *Handler) fail(w *answer, r *http.Request, err error) {
	f := asFailure(err)
	switch {
	case f.code == codeInternal:
		h.opts.Logger.Error("request failed", "method", r.Method, "path", r.URL.EscapedPath(), "error", err)
	case f.status >= 500:
		h.opts.Logger.Debug("request failed", "method", r.Method, "path", r.URL.EscapedPath(), "code", f.code,
			"error", err, "client_gone", r.Context().Err() != nil)
	}
	header := w.Header()
	if f.allow != "" {
		header.Set("Allow", f.allow)
	}
	if f.retry {
		header.Set("Retry-After", "1")
	}
	if f.closing {
		header.Set("Connection", "close")
	}
	_ = h.sendJSON(w, f.status, typeProblem, api.Problem{ // strings always marshal
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status,
		Detail: f.detail, Code: f.code, Outcome: f.outcome, Leader: f.leader,
	})
}

// asFailure gives every error its answer. An unknown outcome comes first: it
// may wrap a cause that would otherwise promise that nothing happened.
func asFailure(err error) *failure {
	var known *failure
	var elsewhere *node.NotLeaderError
	var refusal *node.Refusal
	unavailable := func(code, format string, a ...any) *failure {
		return &failure{status: http.StatusServiceUnavailable, code: code, detail: fmt.Sprintf(format, a...), retry: true}
	}
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, node.ErrUnknownOutcome), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unknownOutcome("%v: it may have taken effect, or may yet. Look before you send it again", err)
	case errors.As(err, &elsewhere):
		f := unavailable(codeNotLeader, "%v; nothing was changed, send the request there", err)
		f.leader = wirePeer(elsewhere.Leader)
		return f
	case errors.Is(err, node.ErrNoLeader):
		return unavailable(codeNoLeader, "%v; nothing was changed. Try again soon: if it lasts, too few members are up or reachable", err)
	case errors.Is(err, node.ErrBusy):
		return unavailable(codeBusy, "%v; nothing was changed, try again", err)
	case errors.Is(err, node.ErrClosed):
		return unavailable(codeShuttingDown, "%v; nothing was changed, try another node", err)
	case errors.As(err, &refusal):
		return &failure{status: refusalStatus(refusal.Code), code: string(refusal.Code), detail: refusal.Detail}
	}
	return &failure{
		status: http.StatusInternalServerError, code: codeInternal,
		detail: err.Error(), outcome: outcomeUnknown,
	}
}

func unknownOutcome(format string, a ...any) *failure {
	return &failure{status: http.StatusGatewayTimeout, code: codeOutcomeUnknown, outcome: outcomeUnknown, detail: fmt.Sprintf(format, a...)}
}

// refusalStatus is the status of a join or removal that the leader refused.
// Most conflict with how the cluster is now.
func refusalStatus(c node.RefusalCode) int {
	switch c {
	case node.RefusedInvalid:
		return http.StatusBadRequest
	case node.RefusedNotMember:
		return http.StatusNotFound
	case node.RefusedRemoved:
		return http.StatusGone
	case node.RefusedUnreachable:
		return http.StatusUnprocessableEntity
	}
	return http.StatusConflict
}

// refusedCommand is the answer to a command that the state machine refused.
func refusedCommand(err error) *failure {
	switch {
	case errors.Is(err, fsm.ErrEmptyKey):
		return badRequest(codeEmptyKey, "%v", err)
	case errors.Is(err, fsm.ErrTooLarge):
		return tooLarge(codeValueTooLarge, "%v", err)
	}
	return &failure{status: http.StatusUnprocessableEntity, code: codeRefused, detail: err.Error()}
}
