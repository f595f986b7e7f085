package roles

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
)

// Schemes of the stores for objects: a directory, and the three clouds. The URL's parameters are those of gocloud.dev.
var (
	_ = azureblob.Scheme
	_ = gcsblob.Scheme
	_ = s3blob.Scheme
)

// errStoreURL stands for the parser's error, which would quote the URL: it may hold a secret.
var errStoreURL = errors.New("the URL of a store for objects cannot be read")

// openBucket opens a store for objects by its URL. A directory is made where it is missing; its temporary files stand beside
// the parts, so that a rename never crosses a file system, and no attribute files are written.
func openBucket(ctx context.Context, at string) (*blob.Bucket, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, errStoreURL
	}
	if u.Scheme != fileblob.Scheme {
		return blob.OpenBucket(ctx, at)
	}
	dir := filepath.FromSlash(u.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
}
