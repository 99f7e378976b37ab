#!/usr/bin/env bash
# An RT-1 for the kitchen from nothing; see README.md for what it does. Every step resumes.
#
#   10,210 demonstrations    an hour and a half of one core
#   its eyes                 24 minutes on one core and a third of another
#   the policy               95 minutes on two cores (the one in README.md was stopped after 81)
#   its tables               10 minutes on two cores
set -e

record() {   # set, seed, skill, episodes, options
    robo record --dataset "data/$1" --device expert --hold-out --workers 1 \
        --seed "$2" --task "$3" --episodes "$4" "${@:5}"
}
looks=(--randomization "camera pose" "field of view" lights colours)

record kg  61000 "pick up"  1300
record ki  81000 "pick up"  800  --astray
record ki  85000 close      120  --astray
record ki  84000 open       100  --astray
record kj  91000 "pick up"  1200 --astray "${looks[@]}"
record kj  94000 open       300  --astray "${looks[@]}"
record kj  93000 find       500  --astray "${looks[@]}"
record kj  95000 close      150  --astray "${looks[@]}"
record kj 191000 "pick up"  500  --astray "${looks[@]}"
record kl 291000 "pick up"  700  --held-back
record kl 391000 "pick up"  450  --held-back --astray
record kl 293000 find       200  --held-back
record km 101000 find       700  "${looks[@]}"
record km 102000 open       400  "${looks[@]}"
record km 103000 close      400  "${looks[@]}"
record km 104000 "go to"    500  "${looks[@]}"
record km 105000 "put down" 400  "${looks[@]}"
record km 106000 bring      150  "${looks[@]}"
record km 107000 "put down" 100
record km 108000 open       150
record km 109000 close      150
record km 110000 "pick up"  940  --astray "${looks[@]}"
[ -d data/kitchen ] || robo data merge data/kg data/ki data/kj data/kl data/km --out data/kitchen

resume() { [ -d "$1" ] && echo --resume; true; }

robo train sight --minutes 24 --precision bfloat16 --threads 1 --seed 0 \
    --out runs/sight $(resume runs/sight)

# Random colours, patch by patch, and other words: backgrounds and phrases are to change nothing.
OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 -m robo train rt1 --dataset data/kitchen \
    --config kitchen eyes_rate=0.3 --encoder runs/sight/checkpoints/last/encoder.safetensors \
    --phrasings scenarios/kitchen_phrasings.json --tint 0.2 --brightness 0.3 --mottle 0.4 \
    --minutes 95 --batch-size 24 --learning-rate 1e-3 --precision bfloat16 --threads 1 --workers 0 \
    --seed 0 --out runs/rt1 $(resume runs/rt1)

robo rollout --env robo/Kitchen-v1 --policy runs/rt1/checkpoints/last --episodes 100 --split all --seed 0 \
    --max-seconds 30 --workers 2 --out runs/eval-rt1
robo scenarios scenarios/kitchen_test.jsonl --policy runs/rt1/checkpoints/last --workers 2 --out runs/scenarios-rt1
