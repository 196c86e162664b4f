#!/bin/bash
# Trains a model on machines that ssh reaches, with OpenMPI's mpirun: ssh.sh HOSTS MODEL.gmc
# HOSTS is a hostfile of OpenMPI, with a line such as `node1 slots=2` per machine: its name, and how many processes it
# gets. The first is this machine, where the run's folder is written. All have gmrun in their PATH, and the data in the
# same place. The model is copied to where it is not yet.
set -euo pipefail
hosts=${1:?usage: ssh.sh HOSTS MODEL.gmc}
model=$(realpath "${2:?usage: ssh.sh HOSTS MODEL.gmc}")
run=runs/$(basename "$model" .gmc)
resume=()
[ ! -e "$run/checkpoint.safetensors" ] || resume=(--resume)

version=$(gmrun --version)
checksum=$(sha256sum <"$model")
quoted=$(printf %q "$model")
sed 's/#.*//' "$hosts" | awk 'NF {print $1}' | while read -r host; do
    there=$(ssh -n "$host" gmrun --version) || { echo "ssh.sh: $host has no gmrun" >&2; exit 1; }
    [ "$there" = "$version" ] || { echo "ssh.sh: here is $version, on $host $there" >&2; exit 1; }
    # On this machine, and in a home that machines share, it would be copied onto itself.
    [ "$(ssh -n "$host" "sha256sum <$quoted" 2>/dev/null)" != "$checksum" ] || continue
    ssh -n "$host" mkdir -p "$(printf %q "$(dirname "$model")")"
    scp -q "$model" "$host:$model"
done
mpirun --hostfile "$hosts" --bind-to none gmrun train --run "$run" "${resume[@]}" "$model"
