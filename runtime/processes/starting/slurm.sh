#!/bin/bash
# Trains a model in 8 processes on 4 machines: sbatch slurm.sh MODEL.gmc
# Two minutes before its time is up, gmrun writes a checkpoint, and the job queues itself again: a training may take
# longer than a job. A job that Slurm ends and queues again, or that is submitted again, goes on from the last checkpoint.
#SBATCH --job-name=gmc
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail
model=${1:?usage: sbatch slurm.sh MODEL.gmc}
run=runs/$(basename "$model" .gmc)
resume=()
[ ! -e "$run/checkpoint.safetensors" ] || resume=(--resume)

# OpenMPI's mpirun takes the machines and the number of processes from the job. Each process gets the cores of its task,
# and gmrun as many threads as it has cores. Where OpenMPI is built for Slurm, `srun --mpi=pmix` fits in place of mpirun
# and its two options.
mpirun --map-by "slot:PE=${SLURM_CPUS_PER_TASK:-1}" --bind-to core \
    gmrun train --quiet --run "$run" --checkpoint-every "10 minutes" "${resume[@]}" "$model" &
mpi=$!
# Both starters pass SIGUSR1 on, and wait; after SIGTERM mpirun would kill gmrun within a second.
time_is_up=
trap 'time_is_up=1; kill -USR1 "$mpi"' USR1
trap 'kill -USR1 "$mpi"' TERM
code=0
wait "$mpi" || code=$?
while kill -0 "$mpi" 2>/dev/null; do code=0; wait "$mpi" || code=$?; done
if [ -n "$time_is_up" ] && [ "$code" != 0 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
