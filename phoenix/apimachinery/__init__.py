"""What every kind shares: metadata, conditions, selectors, patches, quantities, errors. Pure; imports nothing above."""
