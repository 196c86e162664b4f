// Words of other programs, and what they are called here.
#include "tools/command_line/meant_command.h"

#include <fmt/format.h>

namespace gmc::tools {

std::string meant_command(std::string_view program, const std::string& name) {
    if (name.ends_with(".yaml") || name.ends_with(".yml"))
        return fmt::format("`gmc check {}` looks at a model, `gmc compile {}` compiles it", name,
                           name);
    if (name.ends_with(".gmc")) return fmt::format("`gmrun train {}` trains a model", name);
    struct Meaning {
        std::string_view program, names, help;
    };
    static constexpr Meaning kMeanings[] = {
        {"gmc", " train fit run learn sample generate eval encode info plot ",
         "`gmc compile MODEL.yaml` makes a .gmc file, which `gmrun train` trains and other "
         "commands "
         "of gmrun use"},
        {"gmc", " build make ", "`gmc compile MODEL.yaml`"},
        {"gmc", " validate lint verify test ", "`gmc check MODEL.yaml`"},
        {"gmc", " show describe layers ", "`gmc summary MODEL.yaml`"},
        {"gmrun", " compile check summary build lint ",
         "`gmc check MODEL.yaml` looks for errors, `gmc compile MODEL.yaml` makes what gmrun "
         "reads"},
        {"gmrun", " fit learn run start ", "`gmrun train MODEL.gmc`"},
        {"gmrun", " resume continue ", "`gmrun train MODEL.gmc --resume`"},
        {"gmrun", " finetune fine-tune ", "`gmrun train MODEL.gmc --init RUN`"},
        {"gmrun", " generate draw ", "`gmrun sample MODEL.gmc`"},
        {"gmrun", " test evaluate validate ", "`gmrun eval MODEL.gmc`"},
        {"gmrun", " predict infer inference embed ",
         "`gmrun encode MODEL.gmc` writes what a function of the model gives for data; "
         "`--function` "
         "says which"},
        {"gmrun", " plot graph ", "`gmrun curves RUN` draws losses and metrics"},
        {"gmrun", " show describe ", "`gmrun info MODEL.gmc`"},
    };
    for (const Meaning& meaning : kMeanings)
        if (meaning.program == program &&
            meaning.names.find(" " + name + " ") != meaning.names.npos)
            return std::string(meaning.help);
    return "";
}

}  // namespace gmc::tools
