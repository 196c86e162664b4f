// Words of Keras 3, PyTorch 2, JAX libraries and papers, and what they are called here. To add one:
// a row here. A word may stand in several rows. The first row counts that has something to say at
// the place: a word of ours that is allowed there, or a remark for that place. So `linear` means
// `dense` among layers and `none` among activations.
#include "dsl/schema/foreign_word_rows.h"

namespace gmc::dsl {
namespace {

using Rows = std::vector<ForeignWord>;

// Places of a model, each known by one word that is allowed there.
constexpr const char* kLayers = "dense";  // where layers stand
constexpr const char* kOptimizers = "adam";
constexpr const char* kModel = "objective";
constexpr const char* kTrain = "batch_size";
constexpr const char* kNetwork = "role";
constexpr const char* kEntry = "loss";  // where the keys of an entry of `minimize` stand

Rows layers() {
    return {
        {"linear|fc|fullyconnected|affine|mlp|lazylinear|innerproduct", "dense|none"},
        {"conv|convolution|convolution2d|conv2dlayer|lazyconv2d", "conv2d"},
        {"convolution1d|lazyconv1d", "conv1d"},
        {"convolution3d|lazyconv3d", "conv3d"},
        {"convtranspose2d|convtranspose|deconv|deconv2d|deconvolution|transposedconv|"
         "transposedconv2d|upconv|conv2dtransposed|convolution2dtranspose",
         "conv2d_transpose"},
        {"convtranspose1d|deconv1d|transposedconv1d|convolution1dtranspose", "conv1d_transpose"},
        {"convtranspose3d|deconv3d|transposedconv3d|convolution3dtranspose", "conv3d_transpose"},
        {"separableconv2d|separableconv|depthwiseconv2d|depthwiseconv|separableconv1d",
         "separable_conv2d|depthwise_conv2d",
         "`import: convolution` has the layers `depthwise_conv2d` and `separable_conv2d`", kLayers},
        {"maskedconv2d|maskedconv|maskedconvolution|modulatedconv2d|modulatedconv",
         "masked_conv2d|modulated_conv2d",
         "`import: convolution` has the layers `masked_conv2d` and `modulated_conv2d`", kLayers},
        {"batchnorm1d|batchnorm2d|batchnorm3d|batchnormalization|bn|syncbatchnorm|"
         "lazybatchnorm2d|batchnormalisation",
         "batch_norm"},
        {"layernormalization|layernormalisation|ln", "layer_norm"},
        {"groupnormalization|groupnormalisation|gn", "group_norm"},
        {"instancenorm1d|instancenorm2d|instancenormalization", "instance_norm"},
        {"rmsnorm|rmsnormalization", "rms_norm", "`layer_norm` is the nearest", kLayers},
        {"spectralnorm|spectralnormalization|sn", "spectral_norm",
         "it is a key of layers with weights: `conv2d: {..., spectral_norm: true}`", kLayers},
        {"weightnorm|weightnormalization|weightnormalisation",
         "weight_norm_conv2d|weight_norm_dense",
         "`import: convolution` has the layers `weight_norm_conv2d` and `weight_norm_dense`",
         kLayers},
        {"unitnormalization|localresponsenorm", "",
         "there is no such normalisation; `spectral_norm: true` is a key of layers with weights",
         kLayers},
        {"maxpool|maxpool2d|maxpooling|maxpool2dlayer", "max_pooling2d"},
        {"maxpool1d", "max_pooling1d"},
        {"avgpool|avgpool2d|averagepool|averagepooling|averagepool2d|meanpool",
         "average_pooling2d"},
        {"maxpool3d", "max_pooling3d"},
        {"avgpool1d|averagepool1d", "average_pooling1d"},
        {"avgpool3d|averagepool3d", "average_pooling3d"},
        {"adaptiveavgpool2d|adaptiveavgpool1d|globalaveragepooling2d|globalaveragepooling1d|"
         "globalavgpool2d|globalavgpool|gap",
         "global_average_pooling"},
        {"adaptivemaxpool2d|adaptivemaxpool1d|globalmaxpooling2d|globalmaxpooling1d|globalmaxpool",
         "global_max_pooling"},
    };
}

/// Layers that change sizes, and activations.
Rows sizes_and_activations() {
    return {
        {"upsample|upsampling|upsamplingnearest2d|upsamplingbilinear2d|upsample2d|interpolate|"
         "resize|resizing",
         "up_sampling2d"},
        {"upsample1d|upsamplingnearest1d", "up_sampling1d"},
        {"upsample3d|upsamplingtrilinear3d", "up_sampling3d"},
        {"pixelshuffle|subpixel", "depth_to_space",
         "a block's pixels follow one another, each with all of its channels; PyTorch's "
         "PixelShuffle has each channel's pixels together",
         kLayers},
        {"pixelunshuffle", "space_to_depth"},
        {"zeropadding2d|zeropadding1d|zeropadding3d|zeropad2d|pad2d|padding2d|constantpad2d",
         "pad"},
        {"reflectionpad2d|reflectionpad1d|reflectpad", "pad", "`pad: {size: 1, mode: reflect}`",
         kLayers},
        {"replicationpad2d|replicationpad1d", "pad", "`pad: {size: 1, mode: edge}`", kLayers},
        {"cropping2d|cropping1d|centercrop", "crop"},
        {"leakyrelu|lrelu|rrelu", "leaky_relu", "its slope is 0.3 unless said: `leaky_relu: 0.2`",
         kLayers},
        {"swish", "silu"},
        {"relu6|selu|mish|hardswish|hardsigmoid|hardtanh|softsign|celu|exponential|threshold", "",
         "there is no such activation; near ones are `relu`, `elu`, `gelu`, `silu` and `tanh`",
         "relu"},
    };
}

/// Layers that are written in another way here, or that do not exist.
Rows other_layers() {
    return {
        {"activation|nonlinearity|act", "activation",
         "an activation is a layer of its own, `- relu`, or a key of the layer before it, "
         "`activation: relu`",
         kLayers},
        {"logsoftmax", "log_softmax", "end in logits here, and use `log_softmax` in the objective",
         kLayers},
        {"dropout1d|dropout2d|spatialdropout2d|spatialdropout1d|alphadropout|featuredropout",
         "dropout"},
        {"unflatten|view|squeeze|unsqueeze|expanddims|rearrange", "reshape",
         "`reshape: [7, 7, 64]`: sizes of an example, channels last", kLayers},
        {"transpose|movedim|swapaxes", "permute"},
        {"concatenate|cat|stack|hstack|merge", "concat"},
        {"mul|times", "multiply"},
        {"sub|minus", "subtract"},
        {"plus|skip|shortcut|residualadd", "add"},
        {"residual|resblock|residualblock|resnetblock|bottleneck|unet|resnet", "",
         "`- add: [a, b]` adds layers by their names; layers that come again and again are a "
         "block of `blocks:`",
         kLayers},
        {"sequential|modulelist|functional|model", "",
         "the layers of a network are a list: `layers: [flatten, dense: 10]`", kLayers},
        {"lambda|module|custom|function", "",
         "the layer `expression` computes what one says: `- expression: input^2`", kLayers},
        {"input|inputlayer|placeholder", "inputs",
         "what a network takes is written `inputs: {x: data.image}`, not among its layers",
         kLayers},
        {"output|outputlayer|head", "outputs",
         "results with names are written `outputs: {mean: {dense: 8}}`", kLayers},
        {"lstm|gru|rnn|simplernn|lstmcell|grucell", "lstm|gru|simple_rnn",
         "`import: recurrent` has the layers `lstm`, `gru` and `simple_rnn`", kLayers},
        {"bidirectional|convlstm2d|timedistributed", "",
         "there is no such layer; `import: recurrent` has `lstm`, `gru` and `simple_rnn`, and "
         "`conv1d` with `padding: causal` sees what came before, too",
         kLayers},
        {"multiheadattention|attention|selfattention|multiheadselfattention|mha|"
         "scaleddotproductattention",
         "attention|self_attention|multi_head_attention",
         "`import: attention` has the layers `multi_head_attention` and `cross_attention`",
         kLayers},
        {"transformer|transformerencoder|transformerencoderlayer|transformerblock|"
         "transformerdecoderlayer",
         "transformer_block", "`import: attention` has the layer `transformer_block`", kLayers},
        {"pixelnorm|pixelnormalization", "pixel_norm",
         "`import: normalization` has the layer `pixel_norm`", kLayers},
        {"minibatchstddev|minibatchstd|minibatchstddevlayer|minibatchstandarddeviation",
         "minibatch_stddev", "`import: normalization` has the layer `minibatch_stddev`", kLayers},
        {"conditionalbatchnorm|conditionalbatchnorm2d|cbn", "conditional_batch_norm",
         "`import: normalization` has the layer `conditional_batch_norm`", kLayers},
        {"adain|adaptiveinstancenorm", "adaptive_instance_norm",
         "`import: normalization` has the layer `adaptive_instance_norm`", kLayers},
        {"onehotencoding|categoryencoding", "one_hot"},
        {"vectorquantizer|vq|codebook|quantize|quantizer", "vector_quantize"},
        {"sampling|reparameterize|reparametrize|gaussiansample|reparameterization", "",
         "noise is drawn in the objective: `mean + exp(log_variance / 2) * normal(mean)`", kLayers},
        {"noise|gaussiandropout", "gaussian_noise"},
        {"rescaling|normalization|normalize|totensor", "",
         "values of the data are scaled by their `range:`, as in `range: [-1, 1]`", kLayers},
        {"minibatchdiscrimination", "",
         "`import: normalization` has the layer `minibatch_stddev`, which serves the same end",
         kLayers},
    };
}

/// Keys of a network that are said elsewhere.
Rows networks() {
    return {
        {"inputshape|inputdim|inputsize|indim|insize|batchinputshape|shape", "inputs",
         "what a network takes has a name and a shape: `inputs: {z: [8]}` or "
         "`inputs: {x: data.image}`",
         kNetwork},
        {"name|title", "", "a network is called by its key under `networks:`", kNetwork},
        {"activation|act|nonlinearity", "",
         "activations belong to layers: `dense: {units: 64, activation: relu}`", kNetwork},
        {"optimizer|optim|lr|learningrate|epochs|batchsize", "",
         "it belongs under `train:`; an optimizer for some networks alone is a key of their entry "
         "of `minimize`",
         kNetwork},
        {"loss|lossfn|criterion|losses", "", "losses are written under `objective:`", kNetwork},
        {"latentdim|latentsize|zdim|codesize|hiddendim|hiddendims|hiddensize|units|filters|"
         "numlayers|depth|width|outputdim|outputshape|outputsize|dropout|kernelsize|channels",
         "", "sizes are those of its layers: `layers: [dense: 64, ...]`", kNetwork},
    };
}

/// Keys of layers.
Rows keys() {
    return {
        {"layer|layerlist", "layers"},
        {"kernelsize|ksize|filtersize|windowsize|window|kernelshape", "kernel|pool"},
        {"poolsize|size|window", "pool|units|filters"},
        {"strides|subsample|step", "stride"},
        {"outchannels|numfilters|outputchannels|nfilters|channels|channelsout|nout|filter",
         "filters"},
        {"outfeatures|features|outputdim|outputsize|outputs|hiddensize|dim|nodes|neurons|unit|"
         "hidden|width|embeddingdim|outdim|nunits|units|filters",
         "units|filters"},
        {"infeatures|inchannels|inputshape|inputdim|numfeatures|normalizedshape|inputsize|"
         "inputchannels|batchinputshape|numchannels|indim",
         "classes", "what a layer takes is known from the layer before it: leave this out"},
        {"usebias", "bias"},
        {"kernelinitializer|weightinitializer|init|weightinit|initialization|kernelinit|"
         "embeddingsinitializer",
         "initializer"},
        {"biasinit", "bias_initializer"},
        {"kernelregularizer|biasregularizer|activityregularizer|regularizer|l2|kernelconstraint",
         "",
         "weights are kept small by the optimizer: `adamw: {weight_decay: 0.01}`, or by a term of "
         "the loss, as in `1e-4 * sum(square(net.weights))`",
         "initializer"},
        {"negativeslope|alpha|leak|leakage", "slope|alpha"},
        {"p|prob|dropoutrate|droprate|probability", "rate"},
        {"std|sigma|noise|scale", "stddev|initializer_stddev"},
        {"scalefactor|factor|upscalefactor", "size"},
        {"mode", "interpolation"},
        {"eps", "epsilon"},
        {"affine|center|trackrunningstats|elementwiseaffine", "",
         "scale and offset of a normalisation are always trained: leave this out", "epsilon"},
        {"numgroups", "groups"},
        {"dilationrate|atrousrate", "dilation"},
        {"outputpadding", "",
         "`padding: same` makes the output the input times the stride: leave this out", "stride"},
        {"dataformat|channelslast|channelsfirst", "",
         "images are [height, width, channels], always: leave this out", kLayers},
        {"paddingmode|pads", "padding",
         "other borders than zeros: a layer `pad` before it, and `padding: valid`", "kernel"},
        {"numembeddings|numcodes|vocabsize|codebooksize|numclasses|nclasses|ntokens",
         "classes|codes"},
        {"inplace|returnsequences|returnindices|maskzero|ceilmode|device", "",
         "there is no such choice here: leave this out"},
        {"n|num|count|numrepeats|repeats|repeat", "times"},
        {"trainable|requiresgrad|freeze|frozen", "",
         "`weights: {frozen: true}` of a network keeps all of it as it begins, `frozen_layers` "
         "some layers"},
        {"dtype|precision|amp", "",
         "numbers are f32; `gmc compile --precision bf16` is the other way"},
        {"act|nonlinearity|activationfn|activationfunction", "activation"},
        {"activation|act|nonlinearity", "",
         "an activation behind it is a layer of its own, such as `- relu`", "from"},
        {"targetshape|newshape", "shape"},
        {"dims|perm|order|axis", "axes"},
        {"start|begin|end", "start|stop"},
        {"inputs|input|layer|sources|of", "from|inputs"},
        {"spectralnormalization|sn", "spectral_norm"},
        {"weightnorm|weightnormalization", "",
         "`import: convolution` has the layers `weight_norm_dense` and `weight_norm_conv2d`"},
        {"weightsof|tied|tiedto|tieweights|tieto|shareweights|shared|sharedwith", "",
         "a network has its weights once, however often it is called, also as a layer `- trunk` of "
         "others; a tensor that several layers use is `parameters: {w: {shape: [64, 32]}}` beside "
         "`networks:`, in layers `- expression: matmul(previous, w)`, and the other way round "
         "`matmul(previous, permute(w, axes=[1, 0]))`",
         "initializer"},
    };
}

/// Words that are values: activations, initializers, padding, likelihoods.
Rows words() {
    return {
        {"linear|identity|no|off|null", "none"},
        {"lrelu|leakyrelu", "leaky_relu"},
        {"xavier|xavieruniform|glorot|default", "glorot_uniform"},
        {"xaviernormal", "glorot_normal"},
        {"kaiming|kaiminguniform|he|leuniform|variancescaling|lecununiform", "he_uniform"},
        {"kaimingnormal|lecunnormal|msra", "he_normal"},
        {"randomnormal|truncatednormal|normal|gauss|gaussian|normalinit", "normal|gaussian"},
        {"randomuniform", "uniform"},
        {"zero", "zeros"},
        {"one|constant", "ones"},
        {"full", "same"},
        {"0", "valid"},
        {"1|2|3|4|5", "same",
         "`same` keeps the size at stride 1; other borders are a layer `pad` before this one, and "
         "`padding: valid`",
         "valid"},
        {"constant|zero", "zeros"},
        {"replicate|symmetric|nearest", "edge"},
        {"bicubic|linear|area", "bilinear"},
        {"bce|binarycrossentropy|crossentropy", "bernoulli"},
        {"mse|l2|meansquarederror|squared", "gaussian"},
        {"nonsaturating|ns|standard|vanilla", "non_saturating"},
    };
}

/// Optimizers and their hyperparameters.
Rows optimizers() {
    return {
        {"lr|rate|stepsize|learningrates|baselr|alpha", "learning_rate",
         "it belongs to the optimizer: `optimizer: {adam: {learning_rate: 1e-3}}`", kTrain},
        {"learningrate|weightdecay|momentum|beta1|betas", "",
         "it belongs to the optimizer: `optimizer: {adam: {learning_rate: 1e-3}}`", kTrain},
        {"clipnorm|gradclip|clipgradnorm|maxgradnorm|gradientclipval|clip", "",
         "it belongs to the optimizer: `optimizer: {adam: {global_clip_norm: 1}}`", kTrain},
        {"betas|beta", "", "the two are written `beta_1: 0.9, beta_2: 0.999`", "beta_1"},
        {"b1", "beta_1"},
        {"b2", "beta_2"},
        {"decay|l2|wd", "weight_decay"},
        {"rho|alpha|smoothing", "rho|decay"},
        {"warmup|warmupsteps|numwarmupsteps", "",
         "a rate that grows is a schedule: `learning_rate: {linear: {from: 0, to: 1e-3, over: 5 "
         "epochs}}`",
         "learning_rate"},
        {"steplr|multisteplr|exponentiallr|exponentialdecay|exponential", "step"},
        {"cosineannealing|cosineannealinglr|cosinedecay|cosinelr", "cosine"},
        {"linearlr|polynomialdecay|lineardecay", "linear"},
        {"onecyclelr|onecycle", "one_cycle"},
        {"maxgradnorm|gradclip|gradclipnorm|clipgradnorm|clipgrad|maxnorm|gradientclipping|"
         "gradientclipval|clip",
         "global_clip_norm|clip_norm"},
        {"paramgroups|lrmult|lrmultiplier|lrscale|lrs|rates|layerlr|layerwise", "rate_factors"},
        {"amsgrad|fused|foreach|maximize|capturable", "",
         "there is no such choice here: leave this out", "learning_rate"},
        {"adagrad|adamax|nadam|radam|adadelta|adafactor|lamb|muon|lbfgs|ftrl", "",
         "`adam` or `adamw` does the same work in most models", kOptimizers},
        {"momentum|nesterov|gradientdescent|gd", "sgd|momentum|beta_1"},
        {"extraadam|extrasgd|extragradient|optimisticadam", "",
         "`schedule: extragradient` under `objective:` goes with every optimizer", kOptimizers},
        {"type|name|class|classname|kind", "",
         "the name is the key: `optimizer: {adam: {learning_rate: 1e-3}}`", kOptimizers},
        {"lr|learningrate|betas|momentum|weightdecay", "",
         "it stands inside: `optimizer: {adam: {learning_rate: 1e-3}}`", kOptimizers},
        {"encoder|decoder|generator|discriminator|critic", "",
         "an optimizer for a network of its own is the key `optimizer` of its entry of `minimize`",
         kOptimizers},
        {"params|parameters|modelparameters", "",
         "an optimizer takes the parameters of the networks of its entry: leave this out",
         "learning_rate"},
    };
}

/// Sections of a model, the keys of its objective and those of networks.
Rows sections() {
    return {
        {"name|modelname|title", "model|name"},
        {"dataset|datasets|dataloader|input|inputs|trainingdata", "data"},
        {"training|trainer|fit|trainparams|hyperparameters|hparams", "train"},
        {"vars|params|parameters|constants|config|define", "variables"},
        {"base|inherits|parent|from", "extends",
         "`extends: base.yaml` begins with another model; what places share is a variable or a "
         "block",
         kModel},
        {"include|imports|use|using|require", "import"},
        {"def|macro|macros|definitions|helpers|function", "define"},
        {"sequential|layers|layer", "networks",
         "layers belong to a network: `networks: {net: {inputs: {x: data.image}, layers: [flatten, "
         "dense: 10]}}`",
         kModel},
        {"net|nets|model|models|modules|architecture|graph|generator|discriminator|critic|encoder|"
         "decoder",
         "networks", "networks stand under `networks:`", kModel},
        {"net|nets|model|models|modules|architecture|graph", "networks"},
        {"compile", "objective", "losses stand under `objective:`, the optimizer under `train:`",
         kModel},
        {"defaults|default|common|shared|anchors|templates", "",
         "what several places share is a variable, `${name}`, or a block of layers of "
         "`blocks:`",
         kModel},
        {"loss|losses|criterion|objectives|lossfn", "objective|minimize|loss"},
        {"optim|optimiser|optimizers", "optimizer", "it belongs under `train:`", kModel},
        {"batchsize|epochs|numepochs|optimizer|average|ema|lr|learningrate", "",
         "it belongs under `train:`", kModel},
        {"recipe|minimize", "objective", "it belongs under `objective:`", kModel},
        {"metrics|functions|let|schedule", "", "it belongs under `objective:`", kModel},
        {"test|val|valid|validation", "test", "it belongs under `data:`", kModel},
        {"maximize|minimise|optimize", "minimize",
         "what is to be large is minimised with a minus in front", "minimize"},
        {"where|with|vars|variables", "let"},
        {"sample|generate|outputs|call", "functions"},
        {"net|nets|network|trains|parameters|params|models|variables", "networks"},
        {"inputshape|input|in|inputsize", "inputs"},
        {"output|out|heads|returns", "outputs"},
        {"layer|body|stack|sequential|modules|model|architecture", "layers"},
        {"type|kind|as", "role"},
    };
}

/// Keys of `train` and of entries of `minimize`.
Rows training() {
    return {
        {"metrics", "", "they stand under `objective:`, in an entry of `minimize`", kTrain},
        {"networks|minimize|objective|recipe|trains", "", "it belongs under `objective:`", kTrain},
        {"verbose|logging|progress|loglevel|log|logevery", "",
         "gmrun shows the progress by itself: leave this out", kTrain},
        {"weight|weights|scale|coefficient|factor|lambda", "",
         "a weight is a factor of the loss: `loss: 0.5 * (a + b)`", kEntry},
        {"lr|learningrate", "", "`optimizer: {adam: {learning_rate: 1e-4}}` is the entry's own",
         kEntry},
        {"every|interval|lazy|lazyregularization|reginterval", "",
         "a term of a loss that few steps compute is `every(x, 16)`", kEntry},
        {"steps|times|nsteps|ncritic|iterations", "repeat"},
        {"bs|batch|minibatch|batches|numbatch", "batch_size"},
        {"iterations|steps|niter|maxsteps|numsteps|maxiter", "epochs",
         "`epochs` are passes over the data; `gmrun train --steps 1000` stops earlier", kTrain},
        {"numepochs|nepochs|epoch|maxepochs|nepoch", "epochs"},
        {"validation|validationsplit|valsplit|validationdata|validationshare", "validate",
         "`validate: 0.1` keeps a share of the training data out of it", kTrain},
        {"monitor|watch", "metric"},
        {"ema|emadecay|movingaverage|swa|polyak", "average"},
        {"scheduler|lrscheduler|lrschedule|schedule|warmup|warmupsteps", "",
         "a schedule is the value of the number that it changes: `learning_rate: {linear: {from: "
         "1e-3, to: 0, over: 10 epochs}}`",
         kTrain},
        {"loss|criterion|losses", "", "losses are written under `objective:`", kTrain},
        {"shuffle|randperm|permutation", "shuffled"},
        {"shuffle|numworkers|prefetch|droplast|pinmemory|workers", "",
         "examples are shuffled and read ahead always: leave this out"},
        {"seed|randomseed|randomstate|manualseed", "", "`gmrun train --seed 7`"},
        {"device|gpu|gpus|cuda|threads", "", "gmc computes on the CPU; `gmrun train --threads 4`"},
        {"patience|mindelta|stopping", "early_stopping",
         "as in `early_stopping: {metric: loss, patience: 5}`", kTrain},
        {"savebest|savebestonly|modelcheckpoint|best", "keep", "as in `keep: {best: loss}`",
         kTrain},
        {"callbacks|checkpoint|savedir|logdir|output|outputdir", "",
         "gmrun writes checkpoints and metrics by itself; `keep` and `early_stopping` are keys "
         "here, "
         "and `gmrun train --help` names further options",
         kTrain},
        {"gradientaccumulation|accumulategradbatches|accumulationsteps|gradaccum", "accumulate"},
    };
}

/// Keys of fields of the data.
Rows fields() {
    return {
        {"val|valid|validation|evaluation|testset|testdata", "test",
         "test data stand under `data`, in `test:`"},
        {"images|imagefolder|dir|directory|folderpath|root", "folder"},
        {"path|file|filename|source|url|datapath", "",
         "the key says what the file is: `idx: "
         "FILE`, `npy: FILE`, `npz: FILE` or `folder: FOLDER`",
         "idx"},
        {"numpy|array|arr", "npy"},
        {"mnist|fashionmnist|ubyte", "idx",
         "as in `idx: FILE`; the files of Fashion-MNIST are the package `dataset-fashion-mnist`",
         "idx"},
        {"png|jpg|jpeg|image|picture|pictures|photos", "folder",
         "`folder: FOLDER, size: 64` reads all pictures in a folder", "idx"},
        {"hdf5|h5|parquet|pickle|pkl|mat|pt|pth|arrow|zarr|tfrecord|feather|xlsx|excel|lmdb", "",
         "such files are not read: save arrays by `numpy.savez` for `npz: FILE`, tables as text "
         "for `csv: FILE`",
         "idx"},
        {"dataset|torchvision|tfds|huggingface|hf|keras|sklearn|openml|cifar10|celeba", "",
         "no data set is known by its name: `folder: FOLDER, size: 64`, `npy: FILE` or `npz: FILE` "
         "read yours",
         "idx"},
        {"normalize|normalise|scale|minmax|rescale|mean|valuerange|limits", "range"},
        {"targetsize|imgsize|imagesize|resize|resolution|imgshape|height|width", "size"},
        {"colormode|colors|colours|rgb|grayscale|nchannels|numchannels", "channels"},
        {"augment|augmentation|horizontalflip|randomflip|mirror", "flip"},
        {"transform|transforms|preprocess|preprocessing", "",
         "pictures of a folder are made `size`, in `range`, and with `flip: true` mirrored at "
         "random; "
         "`import: augment` has layers that change them otherwise",
         "flip"},
        {"labels|target|targets|classes|numclasses|nclasses", "labels_of|classes"},
        {"n|limit|numexamples|numsamples|length|nsamples", "count"},
        {"kind|type|name|dataset", "set"},
    };
}

/// Names in expressions that are no functions: arguments, and words of programs.
Rows expression_words() {
    return {
        {"dim|dims|axes|reductionindices", "axis"},
        {"keepdim|keepdims", "keep"},
        {"reduction|reduce", "", "`mean(sum(x))` sums each example and averages over the batch",
         "axis"},
        {"true|false|none|null", "", "truth is written `true` and `false`, in lower case", "epoch"},
    };
}

/// Recipes and their parameters.
Rows recipes() {
    return {
        {"loss|losses|criterion|lossfn|lossfunction|reconstructionloss|reconloss|reconstruction",
         "",
         "the error of the reconstruction is `likelihood: bernoulli`, a cross-entropy, or "
         "`likelihood: gaussian`, squares",
         "likelihood"},
        {"klweight|kldweight|weightkl|klcoef|lambdakl|betakl|kl", "",
         "the weight of the KL divergence is `beta`", "beta"},
        {"latentdim|latentsize|zdim|latent|codesize|nz|noisedim|latents", "",
         "the size of the code stands in the networks, as in `inputs: {z: [20]}`", "recipe"},
        {"imagesize|imgsize|inputshape|inputdim|datashape", "",
         "the size of the data is known from `data`: leave this out", "recipe"},
        {"labelsmoothing|smoothing|noisylabels|softlabels", "",
         "it is written out, as in `bce_with_logits(critic(image), 0.9)`", "recipe"},
        {"lr|learningrate|optimizer|batchsize|epochs", "", "it belongs under `train:`", "recipe"},
        {"autoencoder|denoisingautoencoder|dae", "ae"},
        {"variationalautoencoder|betavae|convvae", "vae", "`beta: 4` is a key beside `recipe`",
         "vae"},
        {"conditionalvae", "cvae"},
        {"dcgan|vanillagan|standardgan|nsgan|minimaxgan", "gan"},
        {"conditionalgan|acgan", "cgan"},
        {"wgan|wassersteingan|wasserstein", "wgan_gp"},
        {"vq|vqvae2|vqgan", "vq_vae"},
        {"lambda|lambdagp|gpweight|gradientpenalty|gplambda|gp", "",
         "the weight of the gradient penalty is `penalty`", "penalty"},
        {"lambdagp|gpweight|gradientpenalty|gplambda|gp|penalty", "",
         "the recipe with a gradient penalty is `wgan_gp`, with the key `penalty`", "recipe"},
        {"ncritic|criticsteps|criticiterations|dsteps|ndis|kcritic|criticiters", "",
         "the recipe says how often each network is trained; written out it is `repeat: 5` in an "
         "entry of `minimize`",
         "critic"},
        {"sngan|sagan|biggan|hingegan", "hinge"},
        {"leastsquaresgan|lsq", "lsgan"},
        {"adversarialautoencoder", "aae"},
        {"r1gan|stylegan|stylegan2", "r1"},
        {"diffusion|ddpm|ddim|scorematching|denoisingdiffusion", "ddpm|diffusion",
         "other objectives are written out with `let`, `minimize` and `functions`", "vae"},
        {"flowmatching|rectifiedflow|realnvp|glow|normalizingflow|flow", "flow_matching|realnvp",
         "other objectives are written out with `let`, `minimize` and `functions`", "vae"},
    };
}

}  // namespace

const Rows& foreign_words() {
    static const Rows kRows = [] {
        Rows all;
        for (const Rows& theme : {networks(), layers(), sizes_and_activations(), other_layers(),
                                  expression_words(), foreign_functions(), recipes(), keys(),
                                  words(), optimizers(), training(), fields(), sections()})
            all.insert(all.end(), theme.begin(), theme.end());
        return all;
    }();
    return kRows;
}

}  // namespace gmc::dsl
