# frozen_string_literal: true

module Hyperglyph
  module Server
    # What is offered of a class with Hyperglyph::Resource: made at registration, and the only place where names
    # of its methods come from.
    class Description
      attr_reader :name, :type, :attributes, :actions

      # Raises ArgumentError for a class that cannot be offered as it is declared.
      def initialize(name, type)
        raise ArgumentError, "#{type} does not include Hyperglyph::Resource" unless type.include?(Resource)

        @name = name
        @type = type
        @constructor = Signature.new(type.to_s, type.instance_method(:initialize).parameters)
        declared = type.hyperglyph_declarations
        offered = names(declared)
        data, called = offered.partition { |method| declared.dig(method, :attribute) }
        @attributes = data.each { |method| check_attribute(method, declared[method]) }.freeze
        @actions = called.to_h { |method| [method.to_s, action(method, declared.fetch(method, {}))] }.freeze
        check_own
      end

      # The action for a method of the URL of an instance itself, other than GET; nil if there is none.
      def own(http_method)
        @actions.each_value.find { |action| action.own? && action.http_method == http_method }
      end

      # Methods of the URL of an instance, for Allow.
      def own_methods
        ["GET", *@actions.each_value.select(&:own?).map(&:http_method)]
      end

      # Whether all of its instances have the same forms and links (REQ-PART-7).
      def uniform?
        @actions.each_value.none?(&:if_match?)
      end

      # The state of an instance. Raises TypeError if it is no Hash.
      def state(instance)
        state = instance.__send__(:reference_state)
        raise TypeError, "reference_state of #{@type} gives no Hash" unless state.is_a?(Hash)

        state.transform_keys(&:to_s)
      end

      # The instance of a state. Raises Refusal with 410 if the class cannot be made of it any more, or it is gone.
      def restore(state)
        known = state.slice(*@constructor.parameters.keys)
        begin
          positional, keywords = @constructor.bind(known, nil)
        rescue Refusal
          raise Refusal.new(410, "the reference is from before a change of #{@name} that it does not fit")
        end
        @type.restore(*positional, **keywords) or raise Refusal.new(410, "this #{@name} is gone")
      end

      private

      # Public methods of the class and of the Resource classes above it; never those of anything else.
      def names(declared)
        found = @type.ancestors.grep(Class).take_while { |type| type.include?(Resource) }
                     .reverse.flat_map { |type| in_order(type, type.public_instance_methods(false)) }.uniq
        missing = declared.keys.find { |name| !found.include?(name) && !declared[name][:hidden] }
        raise ArgumentError, "#{@type} has no public method #{missing} of its own" if missing

        found.select { |name| declared.key?(name) ? !declared[name][:hidden] : offered?(name) }
      end

      # As they stand in the source: Ruby's own order differs between processes, and so would entity tags (REQ-COND-1).
      def in_order(type, names)
        names.sort_by { |name| [type.instance_method(name).source_location&.last || 0, name] }
      end

      def offered?(name)
        Resource::PLAIN.match?(name) && !Resource::HOOKS.include?(name) && !Object.public_method_defined?(name)
      end

      def check_attribute(method, options)
        raise ArgumentError, "#{@type}##{method} is an attribute, and nothing else" unless options.size == 1

        required = @type.public_instance_method(method).arity
        raise ArgumentError, "#{@type}##{method} needs arguments, and so is no attribute" unless [0, -1].include?(required)
      end

      def action(method, options)
        parameters = @type.public_instance_method(method).parameters
        Action.new(method.to_s, "#{@name}.#{method}()", parameters, options) do |instance, positional, keywords|
          instance.public_send(method, *positional, **keywords)
        end
      end

      def check_own
        twice = @actions.each_value.select(&:own?).group_by(&:http_method).find { |_, actions| actions.size > 1 }
        return unless twice

        raise ArgumentError, "#{@type} has two methods for #{twice.first}: #{twice.last.map(&:name).join(', ')}"
      end
    end
  end
end
