from queryleaf_cdc.cli import main

main()
