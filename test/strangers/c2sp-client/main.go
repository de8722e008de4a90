// Reads a log as any C2SP client does, with none of Gantry's code: checks the signed note, fetches tiles and entries,
// and authenticates every entry by the root. Prints the entries.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "NOT PROVEN:", err)
		os.Exit(1)
	}
}

func main() {
	url, vkey := os.Args[1], os.Args[2]
	response, err := http.Get(url + "/checkpoint")
	must(err)
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	must(err)
	verifier, err := note.NewVerifier(vkey)
	must(err)
	signed, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	checkpoint, err := torchwood.ParseCheckpoint(signed.Text)
	must(err)
	fetcher, err := torchwood.NewTileFetcher(url)
	must(err)
	client, err := torchwood.NewClient(fetcher)
	must(err)
	tree := tlog.Tree{N: checkpoint.N, Hash: checkpoint.Hash}
	for start := int64(0); start < tree.N; {
		before := start
		for _, entry := range client.Entries(context.Background(), tree, start) {
			fmt.Println(string(entry))
			start++
		}
		must(client.Err())
		if start == before {
			must(printLast(client, tree, &start))
		}
	}
}

// Entries leaves out what is still in a partial bundle; one by one they come with proofs.
func printLast(client *torchwood.Client, tree tlog.Tree, next *int64) error {
	for ; *next < tree.N; *next++ {
		entry, proof, err := client.Entry(context.Background(), tree, *next)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, *next, tlog.RecordHash(entry)); err != nil {
			return err
		}
		fmt.Println(string(entry))
	}
	return nil
}
