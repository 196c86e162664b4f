#!/bin/bash
# Trains a model on machines that ssh reaches: ssh.sh HOSTS MODEL.gmc
# HOSTS has a line such as `node1 slots=2` per machine: its name, and how many processes it gets. The first
# is this machine, where the run's folder is written. All have gmrun in their PATH, and the data in the same place.
set -euo pipefail
hosts=${1:?usage: ssh.sh HOSTS MODEL.gmc}
model=$(realpath "${2:?usage: ssh.sh HOSTS MODEL.gmc}")
run=runs/$(basename "$model" .gmc)
resume=()
[ ! -e "$run/checkpoint.safetensors" ] || resume=(--resume)

version=$(gmrun --version)
sed 's/#.*//' "$hosts" | awk 'NF {print $1}' | while read -r host; do
    there=$(ssh -n "$host" gmrun --version) || { echo "ssh.sh: $host has no gmrun" >&2; exit 1; }
    [ "$there" = "$version" ] || { echo "ssh.sh: here is $version, on $host $there" >&2; exit 1; }
    ssh -n "$host" mkdir -p "$(dirname "$model")"
    scp -q "$model" "$host:$model"
done
mpirun --hostfile "$hosts" --bind-to none gmrun train --run "$run" "${resume[@]}" "$model"
