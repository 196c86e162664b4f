// The C interface of gmc: trained models in other programs. Link with -lgmc.
//
//   gmc_model* model;
//   if (gmc_load("runs/vae_mlp", NULL, &model) != GMC_OK) { puts(gmc_last_error()); exit(1); }
//   float images[8 * 784];
//   const float* inputs[] = {NULL};                        // noise: drawn by gmc
//   float* outputs[] = {images};
//   gmc_run(model, "sample", 8, inputs, outputs, NULL);
//   gmc_free(model);
//
// Any number of examples may be asked for: a function is made ready for few sizes (powers of two up
// to the batch size of training) when it is first called with them, and more examples are computed
// in pieces.
//
// Errors: functions that can fail return GMC_OK or another gmc_status, and gmc_last_error() then
// says what is wrong. Nothing ends the process, and nothing is printed.
//
// Threads: models are independent of each other and may be used at the same time. One model may be
// used from several threads, too; its calls then wait for each other. A call computes on several
// threads, which libgmc makes once for the process; where the system gives fewer, it computes with
// those, and where calls of several threads meet, those that come later compute on the calling
// thread alone. A call leaves the caller's floating-point mode and the settings of OpenMP as they
// were. A process that was forked may go on with the models that it had.
//
// All tensors are dense float32, row-major, examples first and channels last.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GMC_API __attribute__((visibility("default")))

typedef enum gmc_status {
    GMC_OK = 0,
    GMC_WRONG_INPUT = 1, /* a file or a value is wrong */
    GMC_WRONG_CALL = 2,  /* an argument is missing or out of range */
    GMC_NO_MEMORY = 3,   /* there is not enough memory, or no thread */
    GMC_BUG = 70         /* a bug of gmc; please report it */
} gmc_status;

typedef struct gmc_model gmc_model;

/* "0.1.0" and so on: the version of the library. */
GMC_API const char* gmc_version(void);

/* What the last call of this thread that failed said: one or more lines, UTF-8. Valid until this
 * thread calls gmc again. "" when no call has failed. */
GMC_API const char* gmc_last_error(void);

/* Begin with GMC_OPTIONS_INIT, so that members of later versions have their defaults. */
typedef struct gmc_options {
    size_t size;            /* sizeof(gmc_options) */
    const char* run;        /* the folder of the run when `path` is a .gmc; NULL: none */
    const char* checkpoint; /* which of the run's checkpoints: "best", "step-500"; NULL: the last */
    int threads;            /* how many to compute with; 0: what OMP_NUM_THREADS says, or all */
} gmc_options;
#define GMC_OPTIONS_INIT \
    { sizeof(gmc_options), NULL, NULL, 0 }

/* Loads the folder of a run, such as "runs/vae_mlp", or a .gmc with the run that options->run
 * names. `options` may be NULL. On failure *model is NULL. */
GMC_API gmc_status gmc_load(const char* path, const gmc_options* options, gmc_model** model);
/* NULL is allowed. No call may be using the model. */
GMC_API void gmc_free(gmc_model* model);

/* The name of the model in its YAML. Valid until gmc_free, as all texts and shapes here are. */
GMC_API const char* gmc_name(const gmc_model* model);
/* So many examples are computed together at most: the batch size of training. */
GMC_API int64_t gmc_batch_size(const gmc_model* model);

/* Functions that take and give examples: "sample", "encode", "reconstruct", ... */
GMC_API size_t gmc_function_count(const gmc_model* model);
/* NULL when `index` is too large. */
GMC_API const char* gmc_function_name(const gmc_model* model, size_t index);

typedef enum gmc_kind {
    GMC_RESULT = 0,
    GMC_DATA = 1,    /* a field of the data, e.g. an image, in its range */
    GMC_LABEL = 2,   /* a class: 0, 1, ... classes - 1 */
    GMC_NORMAL = 3,  /* standard normal: a latent variable, or other noise */
    GMC_UNIFORM = 4, /* uniform in [0, 1) */
    GMC_VALID = 5    /* 1 for examples that count */
} gmc_kind;

/* An input or a result of a function. */
typedef struct gmc_tensor {
    const char* name;
    gmc_kind kind;
    size_t rank;          /* of one example: 3 for an image, 0 for a number */
    const int64_t* shape; /* of one example: [28, 28, 1] */
    int64_t elements;     /* of one example: 784 */
    int64_t classes;      /* of labels; otherwise 0 */
    double low, high;     /* GMC_DATA: the range of the numbers that the model was trained with */
} gmc_tensor;

/* 0 when there is no such function. */
GMC_API size_t gmc_input_count(const gmc_model* model, const char* function);
GMC_API size_t gmc_output_count(const gmc_model* model, const char* function);
/* GMC_WRONG_CALL when there is no such function, input or result. */
GMC_API gmc_status gmc_input(const gmc_model* model, const char* function, size_t index,
                             gmc_tensor* tensor);
GMC_API gmc_status gmc_output(const gmc_model* model, const char* function, size_t index,
                              gmc_tensor* tensor);

/* Begin with GMC_RUN_OPTIONS_INIT. */
typedef struct gmc_run_options {
    size_t size;   /* sizeof(gmc_run_options) */
    uint64_t seed; /* of the noise that gmc draws; by default 1 */
    int64_t first; /* the number of the first example, at least 0: noise belongs to an example */
} gmc_run_options;
#define GMC_RUN_OPTIONS_INIT \
    { sizeof(gmc_run_options), 1, 0 }

/* Runs a function for `examples` examples (at least 1).
 * inputs[i] has examples * elements floats of input i. It may be NULL for noise, which gmc then
 * draws, so that example n depends on the seed and n only (its results may differ in the last
 * bits with how many are computed together); for labels, which then are n mod classes; and for
 * GMC_VALID, which then is 1. `inputs` may be NULL when all may be.
 * outputs[i] receives examples * elements floats of result i; NULL: that result is not wanted.
 * GMC_WRONG_INPUT: a label that is no class, or a function that mixes the examples of a batch and
 * `examples` is no multiple of gmc_batch_size. */
GMC_API gmc_status gmc_run(gmc_model* model, const char* function, int64_t examples,
                           const float* const* inputs, float* const* outputs,
                           const gmc_run_options* options);

#ifdef __cplusplus
}
#endif
