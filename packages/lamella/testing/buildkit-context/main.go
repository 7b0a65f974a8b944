// Lists what BuildKit's client would send of each context that it is given, one line of JSON each.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

type answer struct {
	Paths []string `json:"paths"`
	Error string   `json:"error,omitempty"`
}

func list(root string) (answer, error) {
	file, err := os.Open(filepath.Join(root, "..", "dockerignore"))
	if err != nil {
		return answer{}, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return answer{}, err
	}
	files, err := fsutil.NewFS(root)
	if err != nil {
		return answer{}, err
	}
	files, err = fsutil.NewFilterFS(files, &fsutil.FilterOpt{ExcludePatterns: patterns})
	if err != nil {
		return answer{}, err
	}
	found := answer{Paths: []string{}}
	err = files.Walk(context.Background(), "", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			path += "/"
		}
		found.Paths = append(found.Paths, path)
		return nil
	})
	return found, err
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		found, err := list(lines.Text())
		if err != nil {
			found.Error = err.Error()
		}
		if err := output.Encode(found); err != nil {
			panic(err)
		}
	}
}
