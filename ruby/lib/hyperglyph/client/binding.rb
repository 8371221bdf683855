# frozen_string_literal: true

module Hyperglyph
  class Client
    # Arguments to inputs (standard, section 14.4 and chapter 16).
    module Binding
      # `default`: the value as it stands in the page; only if `default?`.
      Input = Struct.new(:name, :default?, :default, :optional)

      module_function

      # The inputs of a form's `values`. Raises Unusable (REQ-INPUT-1, REQ-INPUT-2).
      def inputs(values)
        return [] if values.nil? || values == false
        raise Unusable, "its values are no list" unless values.is_a?(Array)

        inputs = values.filter_map { |entry| input(entry) }
        twice, = inputs.map(&:name).tally.find { |_, times| times > 1 }
        raise Unusable, "it has the input #{twice.inspect[0, 60]} twice" if twice

        inputs
      end

      # The arguments to send by name, in the order of the inputs (REQ-ARG-5), each absolute (REQ-URL-14): an
      # OrderedHash. `base` is that of the form. Raises ArgumentsError (REQ-ARG-2).
      def bind(inputs, arguments, named, base)
        given = by_name(inputs, named)
        by_position(inputs, arguments, given)
        bound = OrderedHash.new
        inputs.each do |input|
          if given.key?(input.name) then bound[input.name] = Outgoing.argument(given[input.name])
          elsif input.default? then bound[input.name] = Outgoing.absolute(input.default, base)
          elsif !input.optional then raise ArgumentsError, "#{input.name.inspect} must be given"
          end
        end
        bound
      rescue SystemStackError
        raise ArgumentsError, "an argument is too deep for the stack of this Fiber or Thread"
      end

      def by_name(inputs, named)
        given = named.transform_keys { |name| name.to_s.encode(Encoding::UTF_8) }
        unknown = given.keys - inputs.map(&:name)
        return given if unknown.empty?

        raise ArgumentsError, "there is no input #{unknown.first.inspect}: #{inputs.map(&:name).join(', ')}"
      rescue EncodingError
        raise ArgumentsError, "the name of an argument is no text"
      end

      def by_position(inputs, arguments, given)
        if arguments.size > inputs.size
          raise ArgumentsError, "#{arguments.size} arguments by position are too many for (#{inputs.map(&:name).join(', ')})"
        end

        arguments.zip(inputs) do |argument, input|
          raise ArgumentsError, "#{input.name.inspect} was given twice" if given.key?(input.name)

          given[input.name] = argument
        end
      end

      def input(entry)
        case entry
        when String
          Input.new(Attributes.as_text(entry) || raise(Unusable, "the name of an input is no text"), false, nil, false)
        when Extension
          return unless entry.name == "input"

          name = Attributes.text(entry.attributes, "name") or raise Unusable, "it has an input without a name"
          default = entry.attributes.key?("value")
          Input.new(name, default, entry["value"], Attributes.flag(entry.attributes, "optional"))
        end
      end
      private_class_method :by_name, :by_position, :input
    end
  end
end
