/* Prints one sample of a trained model: sample RUN */
#include <gmc.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
    gmc_model* model;
    gmc_tensor result;
    if (argc != 2 || gmc_load(argv[1], NULL, &model) != GMC_OK ||
        gmc_output(model, "sample", 0, &result) != GMC_OK)
        return fprintf(stderr, "%s\n", gmc_last_error()), 1;
    float* values = malloc(sizeof(float) * result.elements);
    if (gmc_run(model, "sample", 1, NULL, &values, NULL) != GMC_OK) return 1;
    for (int64_t i = 0; i < result.elements; ++i) printf("%g\n", values[i]);
    free(values);
    gmc_free(model);
}
