package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// openCSV detects the delimiter (comma, tab or semicolon) and a header: a first
// row with anything that is not a number.
func openCSV(name string, in io.Reader, closer func() error) (*Reader, error) {
	if in == nil {
		return nil, fmt.Errorf("%s: there is none", name)
	}
	b := bufio.NewReaderSize(in, 1<<20)
	if bom, _ := b.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		if _, err := b.Discard(3); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	p := &csvReader{name: name, b: b}
	first, err := p.line()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	if err != nil {
		return nil, err
	}
	p.comma = delimiter(first)
	fields, err := p.split(first)
	if err != nil {
		return nil, err
	}
	header := false
	for _, f := range fields {
		if _, err := strconv.ParseFloat(strings.TrimSpace(f), 64); err != nil {
			header = true
		}
	}
	if header {
		if err := p.header(fields); err != nil {
			return nil, err
		}
	} else {
		for i := range fields {
			p.columns = append(p.columns, fmt.Sprintf("x%d", i+1))
		}
		p.pending = fields
	}
	return &Reader{name: name, columns: p.columns, next: p.next, close: closer}, nil
}

func delimiter(line []byte) byte {
	best, n := byte(','), 0
	for _, c := range []byte(",\t;") {
		if k := bytes.Count(line, []byte{c}); k > n {
			best, n = c, k
		}
	}
	return best
}

type csvReader struct {
	name    string
	b       *bufio.Reader
	comma   byte
	columns []string
	pending []string
	at      int // line
	long    []byte
}

func (p *csvReader) header(fields []string) error {
	seen := map[string]int{}
	for i, f := range fields {
		f = strings.TrimSpace(f)
		if f == "" {
			f = fmt.Sprintf("x%d", i+1)
		}
		if j, ok := seen[f]; ok {
			return fmt.Errorf("%s:%d: columns %d and %d are both named %q", p.name, p.at, j+1, i+1, f)
		}
		seen[f] = i
		p.columns = append(p.columns, f)
	}
	return nil
}

// line returns the next line that is not blank, valid until the next call. A
// quoted field may go on over line ends.
func (p *csvReader) line() ([]byte, error) {
	for {
		p.long = p.long[:0]
		var line []byte
		for {
			part, err := p.b.ReadSlice('\n')
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%s:%d: %w", p.name, p.at+1, err)
			}
			end := errors.Is(err, io.EOF)
			if err == nil && len(p.long) == 0 && bytes.IndexByte(part, '"') < 0 {
				line = part
				break
			}
			p.long = append(p.long, part...)
			if end && len(p.long) == 0 {
				return nil, io.EOF
			}
			if end || err == nil && bytes.Count(p.long, []byte{'"'})%2 == 0 {
				line = p.long
				break
			}
		}
		p.at++
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

func (p *csvReader) split(line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') < 0 {
		return strings.Split(string(line), string(p.comma)), nil
	}
	c := csv.NewReader(bytes.NewReader(line))
	c.Comma = rune(p.comma)
	fields, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", p.name, p.at, err)
	}
	return fields, nil
}

func (p *csvReader) next(row []float64) error {
	if p.pending != nil {
		fields := p.pending
		p.pending = nil
		return p.parse(fields, row)
	}
	line, err := p.line()
	if err != nil {
		return err
	}
	if bytes.IndexByte(line, '"') >= 0 {
		fields, err := p.split(line)
		if err != nil {
			return err
		}
		return p.parse(fields, row)
	}
	n := 0
	for rest := line; ; n++ {
		i := bytes.IndexByte(rest, p.comma)
		field := rest
		if i >= 0 {
			field = rest[:i]
		}
		if n < len(row) {
			if err := p.number(n, string(bytes.TrimSpace(field)), row); err != nil {
				return err
			}
		}
		if i < 0 {
			n++
			break
		}
		rest = rest[i+1:]
	}
	return p.width(n, len(row))
}

func (p *csvReader) width(n, want int) error {
	if n != want {
		return fmt.Errorf("%s:%d: %d fields, the first row has %d", p.name, p.at, n, want)
	}
	return nil
}

func (p *csvReader) parse(fields []string, row []float64) error {
	for j, f := range fields {
		if j < len(row) {
			if err := p.number(j, strings.TrimSpace(f), row); err != nil {
				return err
			}
		}
	}
	return p.width(len(fields), len(row))
}

func (p *csvReader) number(j int, f string, row []float64) error {
	v, err := strconv.ParseFloat(f, 64)
	if err != nil && f == "" {
		return fmt.Errorf("%s:%d: column %q: empty cell: drop or fill such rows", p.name, p.at, p.columns[j])
	}
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s:%d: column %q: %q is not a number", p.name, p.at, p.columns[j], f)
	}
	row[j] = v
	return nil
}
