# Makes the root page of an installed tree: what the page says of building gmc is left out.
/^    tools.quickstart/i Models and recipes lie in `share/gmc/models` of the prefix.\

/^    tools.quickstart/,/^## A first model/{
/^## A first model/!d
}
/^`cmake --install/d
/^`tests.bench.versus_pytorch/d
/^## How it is built/,$d
