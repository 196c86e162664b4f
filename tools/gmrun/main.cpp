// gmrun: trains and samples compiled models.
int main() { return 2; }
