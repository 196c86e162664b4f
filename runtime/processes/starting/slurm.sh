#!/bin/bash
# Trains a model in 8 processes on 4 machines: sbatch slurm.sh MODEL.gmc
# A job that is ended and queued again, or submitted again, goes on from the last checkpoint.
#SBATCH --job-name=gmc
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail
model=${1:?usage: sbatch slurm.sh MODEL.gmc}
run=runs/$(basename "$model" .gmc)
resume=()
[ ! -e "$run/checkpoint.safetensors" ] || resume=(--resume)

# mpirun takes the machines and the number of processes from the job. Each process gets the cores of
# its task, and gmrun as many threads as it has cores.
mpirun --map-by "slot:PE=${SLURM_CPUS_PER_TASK:-1}" --bind-to core \
    gmrun train --quiet --run "$run" --checkpoint-every "10 minutes" "${resume[@]}" "$model"
