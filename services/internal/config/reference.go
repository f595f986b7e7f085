package config

import (
	"fmt"
	"strings"
)

const preface = `# Configuration

Made from the table of settings in ` + "`services/internal/config/settings.go`" + `; a test holds both equal. ` + "`lethe.example.yml`" + ` beside this page is a
whole file with comments.

- One YAML file (` + "`--config FILE` or `" + PathVariable + "`" + `), and environment variables over it: the setting's name in capitals after ` + "`" + prefix + "`" + `, with an
  underscore for every other character, so that ` + "`systems.shop-db.dsn` is `LETHE_SYSTEMS_SHOP_DB_DSN`" + `. A variable changes what the file says of a system or
  an establishment, and cannot add one. One that is set to nothing counts as not set. Lists are set apart by commas.
- A name that is not below, a value of another type or out of range, and a missing setting that the role needs end the start; all of
  them are reported at once, with line and column. That holds for variables too: on Kubernetes, a Service called ` + "`lethe`" + ` puts
  variables of its own into every pod unless ` + "`enableServiceLinks: false`" + `.
- Secrets are database URLs. Each has a companion ending in ` + "`_file` (`LETHE_STORE_URL_FILE`)" + ` that names a file which holds it.
- Durations are written ` + "`7d`, `36h`, `90m`, `10s` or `1d12h`" + `. Paths in the file are relative to it, those in variables to the working directory.
- Traces and metrics are set up by the standard ` + "`OTEL_…`" + ` variables, and are off while none of them is set.

` + "`serve`" + ` needs what coordinator, responder and packager need; with ` + "`--dev`" + ` no brokers. ` + "`client`" + ` stands for the commands that only read and write topics.

`

// Described is one setting as it stands.
type Described struct {
	Name  string
	Value string // as the environment would give it; a password is left out
	From  string // "default", the place in the file, or the variable; empty where nobody gave it
}

// Describe lists every setting in the order of the reference, systems and establishments by name.
func (c Config) Describe() []Described {
	var out []Described
	for _, s := range settings() {
		for _, part := range c.names(s) {
			name := strings.Replace(s.name, "*", part, 1)
			d := Described{Name: name, From: c.origin[name]}
			if d.From != "" {
				d.Value = s.bind(&c, part).show()
			}
			out = append(out, d)
		}
	}
	return out
}

// Reference is the page on all settings, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("| setting | type | default | with `--dev` | needed by | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, s := range settings() {
		name := strings.Replace(s.name, "*", "NAME", 1)
		code := "`" + name + "`"
		if s.secret() {
			code += ", `" + name + fileSuffix + "`"
		}
		var needs []string
		for _, r := range s.needs {
			needs = append(needs, string(r))
		}
		if s.always {
			needs = []string{"each of the " + strings.SplitN(s.name, ".", 2)[0]}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", code, s.bind(new(Config), "NAME").typ(),
			quoted(s.def), quoted(strings.ReplaceAll(s.dev, "{dir}", "DIR")), strings.Join(needs, ", "), s.doc)
	}
	return b.String()
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
