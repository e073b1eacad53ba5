#!/bin/sh
# Each secret is a file that is named as the environment variable which it becomes; then the command takes this process's
# place, so that it gets the signals.
set -eu
for file in /run/secrets/[A-Z]*; do
    [ -f "$file" ] || continue
    name=$(basename "$file")
    value=$(cat "$file")
    export "$name=$value"
done
exec "$@"
