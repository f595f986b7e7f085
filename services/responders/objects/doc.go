// Package objects is the responder for personal data in files: JSON Lines files whose records belong to people, and whole objects
// under a prefix that names a person. They lie in a directory or a bucket, by gocloud.dev/blob.
//
// A batch reads each file once, whatever the number of its dispatches, and rewrites only files in which it found something: a
// new file takes the place of the old one in one step, byte for byte the same but for the records that had to go and the fields
// that had to be masked. Lines are streamed; a file may be larger than memory.
//
// What cannot be read as a record (no JSON object, too long a line) is left as it is, and every answer about the collection says
// not_searched: it may be anybody's.
//
// # While the application writes
//
// Files are not locked. In a directory, what others append while a file is written anew is read on and carried over, until right
// before the new file takes the old one's place; what a program had opened before and writes within a moment after is appended to
// the new file. A program that keeps a file open for longer goes on writing into the old one, which is gone: it should open,
// append and close, or begin a new file often. A file that is changed in another way is begun anew, and one that keeps changing is
// a transient error, to be made up for later. In a bucket, where nothing can be appended, a whole object that the application
// writes in that moment may win or lose.
//
// Two instances that work the same file at once can undo each other's work; one process never does, and where several share a
// ledger in SQLite they take turns. A look finds what came back.
//
// The ledger stands beside (package ledger): counts after a crash are lower bounds.
package objects
