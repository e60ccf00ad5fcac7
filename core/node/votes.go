package node

import "github.com/hashicorp/raft"

// hashicorp/raft refuses a vote, and a pre-vote, to a candidate that its own
// configuration does not list as a voter (requestVote and requestPreVote in its
// raft.go). That can wedge a cluster: when a leader fails right after it
// promoted a node, a voter that has not yet received the change refuses the
// promoted node, whose log is newer, and cannot win itself. Raft has servers
// grant votes whatever their configuration says (thesis section 4.2.2: the
// candidate may be in one that the voter has yet to receive); the comparison of
// logs keeps removed nodes out, and pre-vote keeps them from disturbing.

// RequestVote leaves out the candidate's id, as Raft's older protocol did, with
// which the check is skipped.
func (w watched) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	anonymous := *args
	anonymous.ID = nil
	return w.Transport.RequestVote(id, target, &anonymous, resp)
}

// RequestPreVote asks as it was told, and when refused once more under the
// voter's own id, which its configuration knows if anyone's. A pre-vote binds
// nobody, so asking twice is safe.
func (w watchedPreVote) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	err := w.WithPreVote.RequestPreVote(id, target, args, resp)
	if err != nil || resp.Granted || resp.Term > args.Term {
		return err
	}
	asVoter := *args
	asVoter.ID = []byte(id)
	*resp = raft.RequestPreVoteResponse{}
	return w.WithPreVote.RequestPreVote(id, target, &asVoter, resp)
}
