package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/core/command/commandpb"
)

// postKeys writes all keys of the body, or none, at one revision.
func (h *Handler) postKeys(w *answer, r *http.Request, _ string) error {
	if done, err := h.sendAway(w, r); done || err != nil {
		return err
	}
	body, err := h.readBody(w, r)
	if err != nil {
		return err
	}
	mutations, err := decodeWrite(body, h.opts.Limits)
	if err != nil {
		return err
	}
	return h.write(w, r, body, command.Write(mutations...), false)
}

func (h *Handler) deleteKey(w *answer, r *http.Request, key string) error {
	if r.URL.RawQuery != "" {
		return badRequest(codeUnsupportedParameter, "a delete takes no query parameters: leave them out")
	}
	if err := checkKey([]byte(key), h.opts.Limits); err != nil {
		return err
	}
	if done, err := h.sendAway(w, r); done || err != nil {
		return err
	}
	return h.write(w, r, nil, command.Write(command.Delete([]byte(key))), true)
}

// write proposes c once, here or at the leader.
func (h *Handler) write(w *answer, r *http.Request, body []byte, c *commandpb.Command, counts bool) error {
	return h.onLeader(w, r, leaderCall{
		body: body, timeout: h.opts.RequestTimeout, forward: h.opts.Forward,
		do: func(ctx context.Context) error {
			result, err := h.node.Propose(ctx, c)
			if err != nil {
				return err
			}
			h.setWriteHeaders(w.Header(), result.Revision)
			if result.Err != nil {
				return refusedCommand(result.Err)
			}
			answer := api.WriteResponse{Revision: result.Revision}
			if counts {
				answer.Deleted = &result.Deleted
			}
			return h.sendJSON(w, http.StatusOK, typeJSON, answer)
		},
	})
}

func (h *Handler) setWriteHeaders(header http.Header, revision uint64) {
	header[headerRevision] = []string{strconv.FormatUint(revision, 10)}
	header[headerTerm] = []string{strconv.FormatUint(h.node.Term(), 10)}
}

// readBody reads a whole body within the limit, whatever Content-Type it has.
func (h *Handler) readBody(w *answer, r *http.Request) ([]byte, error) {
	limit := h.opts.Limits.MaxBody
	if r.ContentLength > int64(limit) {
		return nil, h.bodyTooLarge()
	}
	var body bytes.Buffer
	// A client may announce much and send nothing: trust it only so far.
	body.Grow(int(min(max(r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := body.ReadFrom(http.MaxBytesReader(w.ResponseWriter, r.Body, int64(limit)))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, h.bodyTooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &failure{
			status: http.StatusRequestTimeout, code: codeRequestTimeout, closing: true,
			detail: "the body came too slowly; nothing was changed",
		}
	case err != nil:
		return nil, &failure{
			status: http.StatusBadRequest, code: codeUnreadableBody, closing: true,
			detail: "the body could not be read; nothing was changed: " + err.Error(),
		}
	}
	return body.Bytes(), nil
}

func (h *Handler) bodyTooLarge() error {
	return tooLarge(codeBodyTooLarge, "the body is too large: it has at most %d bytes", h.opts.Limits.MaxBody)
}
