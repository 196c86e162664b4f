"""Prints one sample of a trained model: sample.py RUN"""
import sys

import gmc

try:
    model = gmc.load(sys.argv[1])
    for value in model.sample(1).ravel():
        print(f"{value:g}")
except gmc.Error as error:
    sys.exit(str(error))
