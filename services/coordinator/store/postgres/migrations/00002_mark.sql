-- How the last message that was taken in is recognised: a topic that was made anew and has grown holds another one in its place. An
-- older build leaves the mark of an earlier message, which recognises as well.

-- +goose Up
ALTER TABLE source_offset ADD COLUMN mark text NOT NULL DEFAULT '';
