"""Past overs and the journal of frames on disk."""
