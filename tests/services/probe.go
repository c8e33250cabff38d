// The same questions as probe.cpp's, asked by a runtime that brings its own threads, scheduler and resolver:
//
//	CGO_ENABLED=0 go build -o probe tests/services/probe.go
package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

// status returns the lines of /proc/self/status that say what the process may do.
func status() string {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "status: " + err.Error() + "\n"
	}
	var out strings.Builder
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs":
			fmt.Fprintf(&out, "%s: %s\n", key, strings.TrimSpace(value))
		}
	}
	return out.String()
}

func answer(port int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		groups, _ := os.Getgroups()
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "runtime: go\npid: %d\nuid: %d\ngid: %d\n", os.Getpid(), os.Getuid(), os.Getgid())
		fmt.Fprintln(w, strings.TrimRight("groups: "+strings.Trim(fmt.Sprint(groups), "[]"), " "))
		fmt.Fprintf(w, "port: %d\n%s", port, status())
		for _, variable := range os.Environ() {
			fmt.Fprintf(w, "environ: %s\n", variable)
		}
	}
}

func serve(port int, failed chan<- error) {
	failed <- http.ListenAndServe(fmt.Sprintf(":%d", port), answer(port))
}

func main() {
	failed := make(chan error)
	go serve(8080, failed)
	go serve(80, failed)
	fmt.Println("probe: listening on 8080 and 80")
	fmt.Fprintln(os.Stderr, "probe:", <-failed)
	os.Exit(1)
}
